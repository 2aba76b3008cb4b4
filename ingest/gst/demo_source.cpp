#include "ingest/ingest.h"

namespace millrace::ingest {

PullOptions demo_source() {
  // It is to leave the machine to the ladder: still bars, one small moving picture, text without
  // outlines, the fastest preset. Both pictures have the same colorimetry, or the compositor would
  // convert one of them, which costs more than all the rest. 60 frames: one GOP is a default
  // segment. 1024 samples: each buffer is one AAC frame.
  return PullOptions{
      .pipeline =
          "compositor name=mix background=black sink_1::xpos=320 sink_1::ypos=190"
          " ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1,colorimetry=bt709"
          " ! clockoverlay text=millrace time-format=%H:%M:%S font-desc=\"Sans 28\""
          "   halignment=center valignment=top ypad=70 draw-outline=false draw-shadow=false"
          "   shaded-background=true"
          " ! timeoverlay font-desc=\"Monospace 48\" halignment=center valignment=bottom ypad=80"
          "   draw-outline=false draw-shadow=false shaded-background=true"
          " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2500 key-int-max=60 bframes=0"
          " ! appsink name=video sync=false"
          " videotestsrc is-live=true pattern=smpte75 ! video/x-raw,format=I420,width=1280"
          ",height=720,framerate=30/1,colorimetry=bt709,chroma-site=mpeg2 ! mix.sink_0"
          " videotestsrc is-live=true pattern=ball animation-mode=running-time"
          "   background-color=0xff101820 foreground-color=0xffffb000"
          " ! video/x-raw,format=I420,width=640,height=280,framerate=30/1,colorimetry=bt709"
          ",chroma-site=mpeg2 ! mix.sink_1"
          " audiotestsrc is-live=true wave=ticks freq=880 sine-periods-per-tick=88"
          "   apply-tick-ramp=true volume=0.3 samplesperbuffer=1024"
          " ! audio/x-raw,rate=48000,channels=2 ! avenc_aac bitrate=96000"
          " ! appsink name=audio sync=false",
      .channel = "demo",
  };
}

}  // namespace millrace::ingest
