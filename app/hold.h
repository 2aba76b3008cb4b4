#pragma once
// What a channel shows while its source is away: has the still pictures made once, and remembers
// how far that has come.
//
// Thread: the channel's loop.
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "media/encoded_packet.h"
#include "net/event_loop.h"
#include "transcode/transcode.h"

namespace millrace::app {

class Hold {
 public:
  enum class State {
    kNone,       ///< The source is there, or away unseen.
    kPreparing,  ///< A worker makes the pictures.
    kReady,      ///< take() gives them.
    kFilling,    ///< They have been taken.
    kFailed,     ///< There are none: playlists stand still until the source is back.
  };

  /// References outlive it.
  Hold(std::string channel, std::string worker_path, net::EventLoop& loop, Metrics& metrics);
  ~Hold();

  /// `last`: of the largest rendition, from a key frame on. `rungs`, largest first; none: the
  /// channel has sound only, and is ready at once. `slate`: a file, or empty.
  void prepare(std::vector<transcode::Rung> rungs, const std::vector<EncodedPacket>& last,
               MediaTime group, std::string slate);
  /// Of each rung, in their order. The channel is filled from now on.
  std::vector<transcode::StillRung> take();
  /// The source is back, or the show has ended.
  void reset();

  State state() const { return state_; }

 private:
  void on_made(Result<std::vector<transcode::StillRung>> stills);
  void fail(const Error& error);
  void set(State state);

  const std::string channel_;
  const std::string worker_path_;
  net::EventLoop& loop_;
  Metrics& metrics_;
  Gauge filling_;
  State state_ = State::kNone;
  std::unique_ptr<transcode::StillMaker> maker_;
  std::vector<transcode::StillRung> stills_;
};

}  // namespace millrace::app
