#include "transcode/still_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::transcode {
namespace {

// A worker that takes longer is of no use: its viewers have run dry.
constexpr std::chrono::seconds kDeadline(10);
// All rungs' groups of pictures: ten times what a still 4K picture's ladder takes.
constexpr std::size_t kMaxBytes = std::size_t{64} * 1024 * 1024;

}  // namespace

WorkerStill::WorkerStill(StillOptions options, net::EventLoop& loop, Reply reply)
    : options_(std::move(options)),
      loop_(loop),
      reply_(std::move(reply)),
      rungs_(options_.rungs.size()),
      deadline_(loop) {}

Status WorkerStill::start(const std::vector<EncodedPacket>& source) {
  if (source.empty()) return Error{ErrorCode::kInvalidData, "still picture: there is no source"};
  ASSIGN_OR_RETURN(worker_, net::spawn(options_.worker_path, {}, loop_,
                                       {.on_received = [this](auto bytes) { on_received(bytes); },
                                        .on_exited = [this](auto how) { on_exited(how); }}));
  worker::Configuration configuration{.profile = Profile::kRealtime,
                                      .part_target = {},
                                      .rungs = options_.rungs,
                                      .starts = std::vector<worker::RungStart>(rungs_.size()),
                                      .still = {}};
  configuration.still = {.pictures = static_cast<std::uint32_t>(options_.pictures),
                         .picture_duration = options_.picture_duration,
                         .slate = options_.slate};
  worker_->send(worker::write_configuration(configuration));
  std::shared_ptr<const TrackInfo> sent_track;
  for (const EncodedPacket& packet : source) {
    if (std::exchange(sent_track, packet.track) != packet.track)
      worker_->send(worker::write_track(0, *packet.track));
    worker_->send(worker::write_packet_header({.rung = 0, .packets_taken = 0, .packet = packet}));
    worker_->send(packet.payload);
  }
  worker_->close_sending();
  deadline_.start(kDeadline, [this] {
    end(Error{ErrorCode::kTimedOut, "still picture: the worker does not finish"});
  });
  return ok();
}

void WorkerStill::on_received(std::span<const std::uint8_t> bytes) {
  const Status status = frames_.append(bytes, [this](worker::MessageType type, const Bytes& body) {
    return on_message(type, body);
  });
  if (!status.has_value()) end(status.error());
}

Status WorkerStill::on_message(worker::MessageType type, const Bytes& body) {
  received_bytes_ += body.size();
  if (received_bytes_ > kMaxBytes)
    return Error{ErrorCode::kLimitExceeded, "still picture: more than 64 MiB"};
  switch (type) {
    case worker::MessageType::kReady:
      return worker::read_ready(body);
    case worker::MessageType::kTrack: {
      ASSIGN_OR_RETURN(auto message, worker::read_track(body));
      if (message.rung >= rungs_.size())
        return Error{ErrorCode::kInvalidData, "still picture: a rung too many"};
      rungs_[message.rung].track = std::make_shared<const TrackInfo>(std::move(message.track));
      return ok();
    }
    case worker::MessageType::kPacket: {
      ASSIGN_OR_RETURN(const auto message, worker::read_packet(body));
      return on_packet(message);
    }
    case worker::MessageType::kStatistics:
      return ok();
    case worker::MessageType::kFailure: {
      ASSIGN_OR_RETURN(last_words_, worker::read_failure(body));
      return ok();
    }
    default:
      return Error{ErrorCode::kInvalidData, "still picture: an unknown message"};
  }
}

Status WorkerStill::on_packet(const worker::PacketMessage& message) {
  if (message.rung >= rungs_.size() || !rungs_[message.rung].track)
    return Error{ErrorCode::kInvalidData, "still picture: a packet without a track"};
  auto& pictures = rungs_[message.rung].pictures;
  if (pictures.size() == options_.pictures || message.packet.is_key_frame != pictures.empty() ||
      message.packet.dts > message.packet.pts)
    return Error{ErrorCode::kInvalidData, "still picture: not the group of pictures asked for"};
  pictures.push_back(message.packet.payload);
  return ok();
}

void WorkerStill::on_exited(const std::string& how) {
  const bool is_whole = std::all_of(rungs_.begin(), rungs_.end(), [this](const auto& rung) {
    return rung.pictures.size() == options_.pictures;
  });
  if (how == "exit code 0" && is_whole) return end(std::move(rungs_));
  end(Error{ErrorCode::kClosed,
            fmt::format("still picture: {}", last_words_.empty() ? how : last_words_)});
}

void WorkerStill::end(Result<std::vector<StillRung>> result) {
  deadline_.cancel();
  worker_.reset();
  // The reply may destroy this.
  if (const Reply reply = std::exchange(reply_, nullptr)) reply(std::move(result));
}

Result<std::unique_ptr<StillMaker>> make_still(
    StillOptions options, const std::vector<EncodedPacket>& source, net::EventLoop& loop,
    std::function<void(Result<std::vector<StillRung>>)> reply) {
  if (options.rungs.empty() || options.rungs.size() > worker::kMaxRungs || options.pictures == 0 ||
      options.pictures > worker::kMaxStillPictures)
    return Error{ErrorCode::kUnsupported, "still picture: 1 to 16 rungs, 1 to 3000 pictures"};
  auto maker = std::make_unique<WorkerStill>(std::move(options), loop, std::move(reply));
  RETURN_IF_ERROR(maker->start(source));
  return maker;
}

}  // namespace millrace::transcode
