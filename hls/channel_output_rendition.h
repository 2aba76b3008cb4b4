#pragma once
// A rendition's packager pushes here; with it what waits and what is rendered. A part of
// channel_output.h, of which only the channel's output knows.
#include <memory>
#include <utility>

#include "hls/channel_output.h"

namespace millrace::hls {

struct ChannelOutput::Output final : Sink<CmafChunk> {
  Output(ChannelOutput& its_channel, Rendition& its_rendition)
      : channel(its_channel), rendition(its_rendition) {}

  Status push(CmafChunk chunk) override { return channel.push(*this, std::move(chunk)); }
  Status finish() override { return channel.rest(*this); }

  ChannelOutput& channel;
  // Under the channel's lock, all that follows.
  Rendition& rendition;
  /// As it was last asked for.
  struct Rendered {
    std::shared_ptr<const PlaylistSnapshot> snapshot;
    std::uint64_t version = 0;
  };
  Rendered live;
  Rendered dvr;                          ///< The playlist with ?dvr.
  std::shared_ptr<const TsPlaylist> ts;  ///< As it was last asked for.
  std::uint64_t ts_version = 0;
  TimePoint last_request;  ///< For its playlist, or when such a one was answered.
  ParkedRequests playlists;
  ParkedRequests parts;  ///< All for the next one: {its counter, 0}.
};

}  // namespace millrace::hls
