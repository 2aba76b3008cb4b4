#pragma once
// A rendition's packager pushes here; with it what waits and what is rendered. A part of
// channel_output.h, of which only the channel's output knows.
#include <array>
#include <memory>
#include <utility>

#include "hls/channel_output.h"

namespace millrace::hls {

struct ChannelOutput::Output final : Sink<CmafChunk> {
  /// Of what was promised.
  struct Promised final : Sink<CmafChunk> {
    explicit Promised(Output& its_output) : output(its_output) {}
    Status push(CmafChunk chunk) override {
      return output.channel.keep_promise(output, std::move(chunk));
    }
    Status finish() override { return output.channel.break_promises(output); }
    Output& output;
  };

  Output(ChannelOutput& its_channel, Rendition& its_rendition)
      : channel(its_channel), promised(*this), rendition(its_rendition) {}

  Status push(CmafChunk chunk) override { return channel.push(*this, std::move(chunk)); }
  Status finish() override { return channel.rest(*this); }

  /// All that wait, for whatever.
  std::array<ParkedRequests*, 3> waiting() { return {&playlists, &parts, &segments}; }

  ChannelOutput& channel;
  Promised promised;
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
  ParkedRequests parts;     ///< All for the next one: {its counter, 0}.
  ParkedRequests segments;  ///< Promised ones: {number, 0}.
};

}  // namespace millrace::hls
