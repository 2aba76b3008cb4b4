"""The real OBS on a display of its own, with a profile made for one test."""
import json
import re

import harness

_GLOBAL = """[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
InfoIncrement=99
[Basic]
Profile=test
ProfileDir=test
SceneCollection=test
SceneCollectionFile=test
ConfigOnNewProfile=false
[BasicWindow]
WarnBeforeStartingStream=false
[OBSWebSocket]
FirstLoad=false
ServerEnabled=false
"""
_PROFILE = """[General]
Name=test
[Video]
BaseCX={width}
BaseCY={height}
OutputCX={width}
OutputCY={height}
FPSType=0
FPSCommon=30
[Output]
Mode=Advanced
Reconnect={reconnect}
RetryDelay=1
MaxRetries=2
[AdvOut]
Encoder=obs_x264
ApplyServiceSettings=false
TrackIndex=1
[Audio]
SampleRate=48000
"""


def _color_scene(width, height):
    """A scene with one coloured source that fills the picture."""
    source = {"id": "color_source", "versioned_id": "color_source_v3", "name": "colour",
              "settings": {"color": 4282090080, "width": width, "height": height}, "enabled": True,
              "mixers": 0, "sync": 0, "flags": 0, "volume": 1.0, "balance": 0.5, "muted": False,
              "hotkeys": {}, "filters": []}
    item = {"name": "colour", "visible": True, "id": 1, "pos": {"x": 0.0, "y": 0.0},
            "scale": {"x": 1.0, "y": 1.0}, "rot": 0.0, "align": 5, "bounds_type": 0,
            "bounds_align": 0, "bounds": {"x": 0.0, "y": 0.0}, "crop_left": 0, "crop_top": 0,
            "crop_right": 0, "crop_bottom": 0}
    scene = {"id": "scene", "versioned_id": "scene", "name": "Scene", "enabled": True, "mixers": 0,
             "settings": {"items": [item], "id_counter": 1, "custom_size": False}, "hotkeys": {},
             "filters": [], "muted": False, "volume": 1.0, "sync": 0, "flags": 0, "balance": 0.5}
    return {"name": "test", "current_scene": "Scene", "current_program_scene": "Scene",
            "scene_order": [{"name": "Scene"}], "sources": [source, scene], "transitions": [],
            "groups": [], "quick_transitions": [], "saved_projectors": [], "modules": {},
            "current_transition": "Fade", "transition_duration": 300, "preview_locked": False}


class Obs:
    """Starts Xvfb and OBS streaming to `server` with `key`; both end with the test."""

    def __init__(self, case, server, key, width=640, height=360, reconnect="true", keyint_sec=2,
                 trusted=None):
        """`trusted`: a folder of certificates that this OBS has for the system's (needs root)."""
        home = case.folder / f"obs-{len(case.tools)}"
        config = home / "config" / "obs-studio"
        profile, scenes = config / "basic/profiles/test", config / "basic/scenes"
        profile.mkdir(parents=True, exist_ok=True)
        scenes.mkdir(parents=True, exist_ok=True)
        (config / "global.ini").write_text(_GLOBAL)
        (profile / "basic.ini").write_text(
            _PROFILE.format(width=width, height=height, reconnect=reconnect))
        (profile / "service.json").write_text(json.dumps({
            "type": "rtmp_custom", "settings": {"server": server, "key": key, "use_auth": False,
                                                "bwtest": False}}))
        (profile / "streamEncoder.json").write_text(json.dumps({
            "bitrate": 800, "keyint_sec": keyint_sec, "preset": "veryfast", "profile": "main",
            "rate_control": "CBR", "tune": "zerolatency", "x264opts": "threads=1"}))
        (scenes / "test.json").write_text(json.dumps(_color_scene(width, height)))
        display = self._display(case)
        environment = {"DISPLAY": display, "HOME": str(home),
                       "XDG_CONFIG_HOME": str(home / "config"), "XDG_RUNTIME_DIR": str(home),
                       "LIBGL_ALWAYS_SOFTWARE": "1", "LP_NUM_THREADS": "1",
                       "QT_QPA_PLATFORM": "xcb", "PULSE_SERVER": "/nonexistent",
                       "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
        trust = ["unshare", "--mount", "bash", "-c",
                 f'mount --bind "{trusted}" /etc/ssl/certs && exec "$@"', "obs"] if trusted else []
        self.tool = case.run("obs", [*trust, "obs", "--multi", "--startstreaming", "--minimize-to-tray",
                                     "--disable-updater", "--verbose"],
                             env=environment, cwd=str(home))

    @staticmethod
    def _display(case):
        """Xvfb picks a free display itself and says which."""
        number = case.folder / f"display{len(case.tools)}"
        command = ["bash", "-c", f'exec Xvfb -displayfd 7 -screen 0 1280x800x24 -nolisten tcp '
                                 f'+extension GLX 7>"{number}"']
        case.run("xvfb", command)
        text = harness.wait_for(lambda: number.exists() and number.read_text().strip(), 15, "Xvfb")
        return f":{text}"

    def log(self):
        return self.tool.text()

    def wait_log(self, pattern, timeout):
        return harness.wait_for(lambda: re.search(pattern, self.log()), timeout,
                                f"OBS to log {pattern!r}", 0.2)
