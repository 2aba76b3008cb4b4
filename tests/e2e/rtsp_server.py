#!/usr/bin/env python3
"""GStreamer's RTSP server with a file at /live, over and over: FILE PORT [USER PASSWORD]"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main():
    path, port, user, password = (sys.argv[1:] + ["", ""])[:4]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( filesrc location=\"{path}\" ! flvdemux name=d d.video ! queue ! h264parse"
                       " ! rtph264pay name=pay0 config-interval=-1 d.audio ! queue ! aacparse"
                       " ! rtpmp4gpay name=pay1 )")
    factory.set_shared(True)
    if user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        factory.add_role_from_structure(Gst.Structure.from_string(
            "viewer, media.factory.access=true, media.factory.construct=true")[0])
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


main()
