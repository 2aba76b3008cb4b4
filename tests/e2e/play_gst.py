#!/usr/bin/env python3
"""Plays a URL with GStreamer, as an application does, and tells how it goes: URL hlsdemux|hlsdemux2

Lines of JSON: those of played.py, and {"said": …} for each warning, error and interruption.
"""
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

import burnt_clock  # noqa: E402
from played import Played  # noqa: E402


class Player:
    def __init__(self, url, demuxer):
        self.played, self.demuxer, self.used = Played(), demuxer, set()
        self.is_playing = True
        self.sound_from = self.sound_at = self.sound_until = None
        other = {"hlsdemux": "hlsdemux2", "hlsdemux2": "hlsdemux"}[demuxer]
        Gst.Registry.get().lookup_feature(other).set_rank(Gst.Rank.NONE)
        # hlsdemux2 works below elements that know of streams only.
        self.bin = Gst.ElementFactory.make("playbin" if demuxer == "hlsdemux" else "playbin3")
        self.bin.set_property("uri", url)
        self.bin.set_property("video-sink", self._sink(self._on_picture))
        self.bin.set_property("audio-sink", self._sink(self._on_sound))
        self.bin.connect("deep-element-added", self._on_element)
        bus = self.bin.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._on_message)

    def _on_element(self, _, __, element):
        if element.get_factory():  # Parts of an element's own have none.
            self.used.add(element.get_factory().get_name())

    @staticmethod
    def _sink(on_buffer):
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", True)
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", on_buffer)
        return sink

    def _on_picture(self, _, buffer, pad):
        caps = pad.get_current_caps().get_structure(0)
        width, height = caps.get_value("width"), caps.get_value("height")
        is_mapped, mapped = buffer.map(Gst.MapFlags.READ)
        if not is_mapped:
            return
        # I420 in memory as it comes: each line padded to four bytes.
        stride, luma = (width + 3) & ~3, mapped.data
        self.played.shown(burnt_clock.seconds_behind(lambda x, y: luma[y * stride + x], width,
                                                     height))
        buffer.unmap(mapped)

    def _on_sound(self, _, buffer, __):
        """Sound is to follow on sound to the millisecond, and without a pause."""
        now = time.monotonic()
        if self.sound_at is not None and now - self.sound_at > 0.5:
            self.played.write(said=f"no sound for {now - self.sound_at:.2f} s")
        self.sound_from, self.sound_at = self.sound_from or now, now
        if self.sound_until is not None and abs(buffer.pts - self.sound_until) > Gst.MSECOND:
            self.played.write(said=f"sound jumps by {(buffer.pts - self.sound_until) / 1e6:.1f} ms")
        self.sound_until = buffer.pts + buffer.duration

    def is_under_way(self):
        """For a second or more: players fill their buffers once more when they have begun."""
        return self.sound_from is not None and time.monotonic() > self.sound_from + 1

    def _on_message(self, _, message):
        if message.type in (Gst.MessageType.ERROR, Gst.MessageType.WARNING):
            parse = message.parse_error if message.type == Gst.MessageType.ERROR else \
                message.parse_warning
            self.played.write(said=f"{message.src.get_name()}: {parse()}")
        elif message.type == Gst.MessageType.EOS:
            self.played.write(said="the end")
        elif message.type == Gst.MessageType.BUFFERING:
            # As its manual has it: to stand until there is enough.
            is_full = message.parse_buffering() == 100
            if self.is_playing and not is_full and self.is_under_way():
                self.played.write(said="buffering")
            if is_full != self.is_playing:
                self.bin.set_state(Gst.State.PLAYING if is_full else Gst.State.PAUSED)
                self.is_playing = is_full

    def _tell(self):
        known, position = self.bin.query_position(Gst.Format.TIME)
        # It runs without anything to show, too.
        has_begun = known and self.sound_at is not None
        self.played.tell(position / Gst.SECOND if has_begun else None)
        return True

    def run(self):
        self.bin.set_state(Gst.State.PLAYING)
        GLib.timeout_add(100, self._tell)
        GLib.timeout_add(3000, self._check_demuxer)
        GLib.MainLoop().run()

    def _check_demuxer(self):
        if self.demuxer not in self.used:
            self.played.write(said=f"{self.demuxer} is not in use, but {sorted(self.used)}")
        return False


Gst.init(None)
Player(*sys.argv[1:]).run()
