#include "ingest/ingest.h"

namespace millrace::ingest {

PullOptions demo_source() {
  // One GOP is two seconds, the default segment. Still bars behind a small moving picture, and the
  // fastest preset: the demo is to leave the machine to the ladder. avenc_aac takes 1024 samples,
  // so that each buffer is a frame.
  return PullOptions{
      .pipeline =
          "compositor name=mix sink_1::xpos=440 sink_1::ypos=150"
          " ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1"
          " ! textoverlay text=millrace font-desc=\"Sans Bold 40\" valignment=top ypad=40"
          " ! timeoverlay font-desc=\"Monospace Bold 56\" halignment=center valignment=bottom"
          "   ypad=90 shaded-background=true"
          " ! clockoverlay font-desc=\"Sans 20\" halignment=right valignment=bottom"
          "   time-format=\"%F %T\""
          " ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2500 key-int-max=60 bframes=0"
          " ! appsink name=video sync=false"
          " videotestsrc is-live=true pattern=smpte75"
          " ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! mix.sink_0"
          " videotestsrc is-live=true pattern=ball motion=sweep animation-mode=running-time"
          "   background-color=0xff101820 foreground-color=0xffffb000"
          " ! video/x-raw,format=I420,width=400,height=300,framerate=30/1 ! mix.sink_1"
          " audiotestsrc is-live=true wave=ticks freq=880 sine-periods-per-tick=88"
          "   apply-tick-ramp=true volume=0.3 samplesperbuffer=1024"
          " ! audio/x-raw,rate=48000,channels=2 ! avenc_aac bitrate=96000"
          " ! appsink name=audio sync=false",
      .channel = "demo",
  };
}

}  // namespace millrace::ingest
