#pragma once
// One SRT publisher on its channel's loop: what the receiving thread hands over goes through the
// demuxer into the channel's feed.
//
// Thread: the channel's loop, but for what says otherwise. Held by shared_ptr, so that tasks posted
// to the loop find it alive; it ends with lost().
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ingest/ingest.h"
#include "ingest/ts/ts_intake.h"
#include "net/srt/server.h"

namespace millrace::ingest {

class SrtPublisher final : public Publisher,
                           public net::srt::Receiver,
                           private TsEvents,
                           public std::enable_shared_from_this<SrtPublisher> {
 public:
  SrtPublisher(Admission admission, std::string remote_address, Metrics& metrics);

  const std::string& channel() const { return admission_.channel; }

  void start() override;
  bool receive(std::span<const std::uint8_t> message, TimePoint at) override;
  void flush() override;
  void lost(Error why) override;
  bool wants_close() const override { return wants_close_.load(std::memory_order_acquire); }

  void stop(std::string_view reason) override;
  std::string protocol() const override { return "srt"; }
  std::string remote_address() const override { return remote_address_; }

 private:
  void attach();
  void drain();
  void end(const Error& why);
  void finish_feed();
  void tell_unsupported();

  void on_program(const Announcement& program) override;
  Status on_packet(SourcePacket packet) override;

  const Admission admission_;
  const std::string remote_address_;
  Metrics& metrics_;
  TsIntake intake_;
  std::uint64_t told_unsupported_ = 0;  ///< Streams that the log has been told of.
  std::unique_ptr<Feed> feed_;          ///< Null before attach() and after the end.
  std::atomic<bool> wants_close_ = false;
};

}  // namespace millrace::ingest
