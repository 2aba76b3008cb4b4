#include "transcode/worker_audio.h"

#include <utility>

#include "base/log.h"
#include "transcode/worker_input.h"

namespace millrace::transcode {
namespace {

using namespace std::chrono_literals;

constexpr auto kWatchEvery = 250ms;
constexpr auto kLongestDrain = 2s;
// A worker that starts takes some hundred milliseconds; what is older is of no use to live sound.
constexpr auto kMaxAge = 2s;
constexpr std::size_t kMaxBytes = 1024 * 1024;
// For a crash report: what it has not taken, and some seconds before.
constexpr std::size_t kMostKept = 1000;

Error broken(std::string_view what) {
  return Error{ErrorCode::kInvalidData, std::string(what)};
}

}  // namespace

WorkerAudio::WorkerAudio(AudioOptions options, Sink<EncodedPacket>& output, net::EventLoop& loop,
                         Metrics& metrics)
    : options_(std::move(options)),
      output_(output),
      loop_(loop),
      metrics_(metrics),
      dropped_(metrics.counter("millrace_transcode_audio_dropped_total",
                               "Packets of sound that a worker did not take in time, or lost.",
                               {{"channel", options_.channel}})),
      restarts_(metrics.counter("millrace_transcode_worker_restarts_total",
                                "Workers started in the place of one that ended.",
                                {{"channel", options_.channel}})),
      workers_(metrics.gauge("millrace_transcode_workers", "Worker processes that run.")),
      watch_timer_(loop),
      restart_timer_(loop) {}

WorkerAudio::~WorkerAudio() {
  if (worker_) workers_.add(-1);
}

Status WorkerAudio::start() {
  RETURN_IF_ERROR(spawn_worker());
  watch_timer_.start(kWatchEvery, [this] { watch(); });
  return ok();
}

Status WorkerAudio::spawn_worker() {
  ASSIGN_OR_RETURN(worker_, net::spawn(options_.worker_path, {}, loop_,
                                       {.on_received = [this](auto bytes) { on_received(bytes); },
                                        .on_exited =
                                            [this](const std::string& how) {
                                              end_worker(last_words_.empty() ? how : last_words_,
                                                         ErrorCode::kClosed);
                                            }}));
  workers_.add(1);
  worker_began_ = heard_at_ = clock_.steady_now();
  frames_ = {};
  is_ready_ = false;
  last_words_.clear();
  sent_track_.reset();
  window_.clear();
  received_.clear();
  kept_.clear();
  kept_bytes_ = 0;
  worker_->send(worker::write_configuration(configuration()));
  return ok();
}

worker::Configuration WorkerAudio::configuration() const {
  worker::Configuration configuration;
  configuration.audio_bits_per_second = options_.bits_per_second;
  configuration.audio_codec = options_.codec;
  return configuration;
}

Status WorkerAudio::push(EncodedPacket packet) {
  if (state_ != State::kRunning && state_ != State::kWaitingToRestart)
    return Error{ErrorCode::kClosed, "transcode: a packet after the end"};
  const auto now = clock_.steady_now();
  if (!worker_ || window_.age(now) > kMaxAge ||
      window_.bytes() + packet.payload.size() > kMaxBytes) {
    dropped_.increment();
    return ok();
  }
  if (packet.track != sent_track_) {
    worker_->send(worker::write_track(0, *packet.track));
    sent_track_ = packet.track;
  }
  worker_->send(worker::write_packet_header({.rung = 0, .packets_taken = 0, .packet = packet}));
  worker_->send(packet.payload);
  window_.sent(packet.payload.size(), now);
  received_.push_back(packet.received_at);
  if (options_.on_crash) keep(packet);
  return ok();
}

void WorkerAudio::keep(const EncodedPacket& packet) {
  kept_.push_back(packet);
  kept_bytes_ += packet.payload.size();
  while (kept_.size() > kMostKept || kept_bytes_ > kMaxBytes) {
    kept_bytes_ -= kept_.front().payload.size();
    kept_.pop_front();
  }
}

Status WorkerAudio::finish() {
  if (!worker_) {
    restart_timer_.cancel();
    finish_output();
    return ok();
  }
  state_ = State::kDraining;
  drain_began_ = clock_.steady_now();
  worker_->close_sending();
  return ok();
}

void WorkerAudio::on_received(std::span<const std::uint8_t> bytes) {
  heard_at_ = clock_.steady_now();
  const Status status = frames_.append(
      bytes, [this](worker::MessageType type, Bytes body) { return on_message(type, body); });
  if (!status.has_value()) end_worker(status.error().message, status.error().code);
}

Status WorkerAudio::on_message(worker::MessageType type, const Bytes& body) {
  if (!is_ready_ && type != worker::MessageType::kReady) return broken("the worker does not greet");
  switch (type) {
    case worker::MessageType::kReady:
      is_ready_ = true;
      return worker::read_ready(body);
    case worker::MessageType::kTrack: {
      ASSIGN_OR_RETURN(auto message, worker::read_track(body));
      return on_track(std::move(message.track));
    }
    case worker::MessageType::kPacket: {
      ASSIGN_OR_RETURN(auto message, worker::read_packet(body));
      return on_packet(std::move(message));
    }
    case worker::MessageType::kStatistics: {
      ASSIGN_OR_RETURN(const auto statistics, worker::read_statistics(body));
      return acknowledge(statistics.packets_taken);
    }
    case worker::MessageType::kFailure: {
      ASSIGN_OR_RETURN(last_words_, worker::read_failure(body));
      return ok();
    }
    default:
      return broken("the worker sends an unknown message");
  }
}

Status WorkerAudio::on_track(TrackInfo track) {
  const bool is_sane = track.codec == options_.codec && track.audio.sample_rate > 0 &&
                       track.audio.channels > 0 && track.audio.samples_per_frame > 0;
  if (!is_sane || !sent_track_) return broken("the worker makes something else than sound");
  track.index = sent_track_->index;
  track.language = sent_track_->language;
  if (!track_ || *track_ != track) track_ = std::make_shared<const TrackInfo>(std::move(track));
  return ok();
}

Status WorkerAudio::on_packet(worker::PacketMessage message) {
  if (!track_) return broken("the worker has no track");
  RETURN_IF_ERROR(acknowledge(message.packets_taken));
  message.packet.track = track_;
  message.packet.received_at = newest_taken_;
  if (const Status status = output_.push(std::move(message.packet)); !status.has_value())
    metrics_.count_error("transcode", status.error().code);
  return ok();
}

Status WorkerAudio::acknowledge(std::uint32_t taken) {
  const std::uint32_t before = window_.acknowledged();
  if (!window_.acknowledge(taken)) return broken("the worker has taken more than it was sent");
  for (std::uint32_t i = before; i != window_.acknowledged(); ++i) {
    newest_taken_ = received_.front();
    received_.pop_front();
  }
  return ok();
}

// --- Supervision --------------------------------------------------------------------------------

void WorkerAudio::end_worker(std::string_view why, ErrorCode code) {
  const std::string reason(why);  // May be last_words_, which goes.
  worker_.reset();
  workers_.add(-1);
  dropped_.increment(static_cast<double>(received_.size()));
  if (state_ == State::kDraining) {
    if (reason != "exit code 0") metrics_.count_error("transcode", code);
    return finish_output();
  }
  metrics_.count_error("transcode", code);
  if (options_.on_crash)
    options_.on_crash({.channel = options_.channel,
                       .why = reason,
                       .input = worker_input(configuration(), kept_)});
  const auto delay = backoff_.next_delay(clock_.steady_now() - worker_began_);
  log::warning("transcode", "audio worker ended channel={} why=\"{}\" restart_in={}ms",
               options_.channel, reason, delay.count());
  state_ = State::kWaitingToRestart;
  restart_timer_.start(delay, [this] { restart(); });
}

void WorkerAudio::restart() {
  restarts_.increment();
  if (const Status status = spawn_worker(); !status.has_value()) {
    metrics_.count_error("transcode", status.error().code);
    restart_timer_.start(backoff_.next_delay(0ns), [this] { restart(); });
    return;
  }
  state_ = State::kRunning;
}

void WorkerAudio::watch() {
  const auto now = clock_.steady_now();
  if (worker_ && state_ == State::kRunning && window_.is_stuck(now, heard_at_, is_ready_))
    end_worker("takes no packets", ErrorCode::kTimedOut);
  if (worker_ && state_ == State::kDraining && now - drain_began_ > kLongestDrain)
    end_worker("does not finish", ErrorCode::kTimedOut);
  if (state_ != State::kFinished) watch_timer_.start(kWatchEvery, [this] { watch(); });
}

void WorkerAudio::finish_output() {
  state_ = State::kFinished;
  watch_timer_.cancel();
  if (const Status status = output_.finish(); !status.has_value())
    metrics_.count_error("transcode", status.error().code);
}

Result<std::unique_ptr<Sink<EncodedPacket>>> create_audio(AudioOptions options,
                                                          Sink<EncodedPacket>& output,
                                                          net::EventLoop& loop, Metrics& metrics) {
  auto audio = std::make_unique<WorkerAudio>(std::move(options), output, loop, metrics);
  RETURN_IF_ERROR(audio->start());
  return audio;
}

}  // namespace millrace::transcode
