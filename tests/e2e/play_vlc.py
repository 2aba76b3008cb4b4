#!/usr/bin/env python3
"""Plays a URL with VLC's library, which its own program starts for nobody who is root, and tells how
it goes: URL LOG

Lines of JSON: those of played.py. What VLC says goes to the file LOG.
"""
import ctypes
import sys
import time

import burnt_clock
from played import Played

_pointer, _int = ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint)
_vlc = ctypes.CDLL("libvlc.so.5")
for function in (_vlc.libvlc_new, _vlc.libvlc_media_new_location,
                 _vlc.libvlc_media_player_new_from_media):
    function.restype = _pointer
_vlc.libvlc_media_player_get_time.restype = ctypes.c_int64
_Format = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.POINTER(_pointer), _pointer, _int, _int, _int, _int)
_Lock = ctypes.CFUNCTYPE(_pointer, _pointer, ctypes.POINTER(_pointer))
_Shown = ctypes.CFUNCTYPE(None, _pointer, _pointer)


class Player:
    def __init__(self, url, log):
        self.played = Played()
        self.width, self.height, self.stride, self.planes = 0, 0, 0, None
        # Sound goes nowhere, at its pace all the same.
        options = [b"vlc", b"--no-xlib", b"--aout=adummy", b"--no-video-title-show", b"--no-lua",
                   b"--file-logging", b"--logfile=" + log.encode(), b"--log-verbose=2"]
        library = _vlc.libvlc_new(len(options), (ctypes.c_char_p * len(options))(*options))
        media = _vlc.libvlc_media_new_location(_pointer(library), url.encode())
        # What a device has decoded it could not show to us, and says so at length.
        _vlc.libvlc_media_add_option(_pointer(media), b":avcodec-hw=none")
        self.player = _pointer(_vlc.libvlc_media_player_new_from_media(_pointer(media)))
        # References, or they would be collected while VLC still calls them.
        self.callbacks = _Format(self._format), _Lock(self._lock), _Shown(self._shown)
        _vlc.libvlc_video_set_format_callbacks(self.player, self.callbacks[0], None)
        _vlc.libvlc_video_set_callbacks(self.player, self.callbacks[1], None, self.callbacks[2],
                                        None)

    def _format(self, _, chroma, width, height, pitches, lines):
        """Pictures as they are decoded: the planes of I420, their lines a multiple of 32."""
        ctypes.memmove(chroma, b"I420", 4)
        self.width, self.height = width[0], height[0]
        self.stride = (self.width + 31) & ~31
        high = (self.height + 31) & ~31
        sizes = []
        for plane, part in enumerate((1, 2, 2)):
            pitches[plane], lines[plane] = self.stride // part, high // part
            sizes.append(pitches[plane] * lines[plane])
        self.planes = [(ctypes.c_uint8 * size)() for size in sizes]
        return 1

    def _lock(self, _, planes):
        for index, plane in enumerate(self.planes):
            planes[index] = ctypes.addressof(plane)

    def _shown(self, *_):
        luma = self.planes[0]
        self.played.shown(burnt_clock.seconds_behind(lambda x, y: luma[y * self.stride + x],
                                                     self.width, self.height))

    def run(self):
        _vlc.libvlc_media_player_play(self.player)
        while True:
            time.sleep(0.1)
            at = _vlc.libvlc_media_player_get_time(self.player)
            self.played.tell(at / 1000 if at > 0 else None)


Player(*sys.argv[1:]).run()
