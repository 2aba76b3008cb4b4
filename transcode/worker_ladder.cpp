#include "transcode/worker_ladder.h"

#include <algorithm>

#include "base/log.h"
#include "transcode/capacity.h"
#include "transcode/remote_hosts.h"
#include "transcode/worker/frame_queue.h"
#include "transcode/worker_input.h"

namespace millrace::transcode {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWatchEvery(250);
// At the end, when nothing is fed any more, of one that has begun.
constexpr std::chrono::milliseconds kSilence(1000);
// What one takes to start on a busy machine; and an encoder that stands.
constexpr std::chrono::seconds kHang(3);
// A worker that is fed sends statistics four times a second.
constexpr std::chrono::seconds kStatisticsAge(1);
constexpr std::chrono::seconds kLongestDrain(10);
// What a worker lags by that has caught up.
constexpr std::chrono::milliseconds kCaughtUp(300);
// Behind this a rung goes on with the next segment rather than with late pictures.
constexpr std::chrono::seconds kLateness(2);
// Fields of a packet message besides its payload, generously.
constexpr std::size_t kPacketOverhead = 256;
constexpr MediaTime kMeasureFactorOver = std::chrono::seconds(1);
// Of CPU time in a report, which comes four times a second: a worker's word is bounded.
constexpr std::chrono::nanoseconds kMostInReport = std::chrono::seconds(60);

Counter dropped_counter(Metrics& metrics, const std::string& channel, const char* at) {
  return metrics.counter("millrace_transcode_dropped_total",
                         "Packets or pictures that a ladder dropped because it lagged.",
                         {{"channel", channel}, {"at", at}});
}

}  // namespace

struct WorkerLadder::RungState {
  OutputGate gate;
  Sink<EncodedPacket>* output;  // Null once it has failed.
  Counter frames;
  // When its queue last had room or its encoder took a picture, by the statistics.
  steady_clock::time_point moved_at;
};

WorkerLadder::WorkerLadder(Options options, std::vector<Sink<EncodedPacket>*> outputs,
                           const std::vector<EncodedPacket>& backlog, net::EventLoop& loop,
                           Metrics& metrics)
    : options_(std::move(options)),
      loop_(loop),
      metrics_(metrics),
      dropped_at_decode_(dropped_counter(metrics, options_.channel, "decode")),
      dropped_at_encode_(dropped_counter(metrics, options_.channel, "encode")),
      restarts_(metrics.counter("millrace_transcode_worker_restarts_total",
                                "Workers started in the place of one that ended.",
                                {{"channel", options_.channel}})),
      failovers_(metrics.counter("millrace_transcode_failovers_total",
                                 "Ladders that went on elsewhere when a device failed.")),
      realtime_factor_(
          metrics.gauge("millrace_transcode_realtime_factor",
                        "Media seconds per second of work of the ladder's slowest thread, over the "
                        "last second of media and more. Below 1 it falls behind; 0: not measured.",
                        {{"channel", options_.channel}})),
      workers_(metrics.gauge("millrace_transcode_workers", "Worker processes that run.")),
      watch_timer_(loop),
      restart_timer_(loop) {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    rungs_.push_back({.gate = OutputGate(options_.rungs[i]),
                      .output = outputs[i],
                      .frames = metrics.counter(
                          "millrace_transcode_frames_total", "Pictures encoded.",
                          {{"channel", options_.channel}, {"rung", options_.rungs[i].name}}),
                      .moved_at = {}});
  for (const auto& packet : backlog) backlog_.push(packet);
}

WorkerLadder::~WorkerLadder() {
  if (worker_) workers_.add(-1);
  realtime_factor_.set(0);  // A successor measures anew within a second.
}

Status WorkerLadder::start() {
  RETURN_IF_ERROR(spawn_worker());
  watch_timer_.start(kWatchEvery, [this] { watch(); });
  return ok();
}

// --- Feeding ----------------------------------------------------------------------------------

Status WorkerLadder::choose_device() {
  const auto& kept = backlog_.packets();
  const auto source = kept.empty() ? options_.source : kept.back().track;
  if (options_.devices == nullptr || !source) return ok();
  ASSIGN_OR_RETURN(place_, options_.devices->choose(options_.channel, options_.rungs, *source));
  return ok();
}

/// On a host, else on a device of this machine or its CPU, as `transcode.devices` has it.
Status WorkerLadder::start_link() {
  place_.reset();  // Before: its share may be what the next one needs.
  WorkerEvents events{.on_received = [this](auto bytes) { on_received(bytes); },
                      .on_exited = [this](auto how) { on_exited(how); },
                      .on_no_host = [this] { on_no_host(); }};
  if (options_.remote != nullptr)
    worker_ = start_remote_worker(*options_.remote, options_.channel, loop_, events);
  if (worker_) return ok();
  RETURN_IF_ERROR(choose_device());
  WorkerLimits limits{.memory = options_.worker_memory,
                      .cores = options_.worker_cores,
                      .turn = options_.worker_turn ? options_.worker_turn->fetch_add(1) : 0};
  if (is_on_device()) limits.memory = 0;  // A driver maps more than there is to limit.
  ASSIGN_OR_RETURN(worker_, start_local_worker(
                                is_on_device() ? options_.device_worker_path : options_.worker_path,
                                limits, loop_, std::move(events)));
  return ok();
}

Status WorkerLadder::spawn_worker() {
  RETURN_IF_ERROR(start_link());
  workers_.add(1);
  worker_began_ = heard_at_ = clock_.steady_now();
  frames_ = {};
  is_ready_ = false;
  last_words_.clear();
  sent_track_.reset();
  window_.clear();
  statistics_ = measured_ = {};
  statistics_.rungs.resize(rungs_.size());
  worker_->send(worker::write_configuration(configuration()));
  for (auto& rung : rungs_) {
    rung.gate.begin_worker();
    rung.moved_at = worker_began_;
  }
  for (const auto& packet : backlog_.packets()) send(packet);
  catch_up_packets_ = static_cast<std::uint32_t>(backlog_.packets().size());
  is_catching_up_ = catch_up_packets_ > 0;
  // With nothing kept it begins at the next key frame.
  is_dropping_ = !is_catching_up_;
  return ok();
}

worker::Configuration WorkerLadder::configuration() const {
  worker::Configuration configuration{.profile = options_.profile,
                                      .part_target = options_.part_target,
                                      .rungs = options_.rungs,
                                      .starts = {},
                                      .device = is_on_device() ? place_->device() : ""};
  for (const auto& rung : rungs_) configuration.starts.push_back(start_of(rung));
  for (const auto& packet : backlog_.packets())
    configuration.catch_up_until = std::max(configuration.catch_up_until, packet.pts);
  return configuration;
}

worker::RungStart WorkerLadder::start_of(const RungState& rung) const {
  const auto delivered = rung.gate.delivered_pts();
  if (!delivered) return {};
  const EncodedPacket* next = nullptr;
  for (const auto& packet : backlog_.packets())
    if (packet.pts > *delivered && (next == nullptr || packet.pts < next->pts)) next = &packet;
  const auto& kept = backlog_.packets();
  const bool is_kept = !kept.empty() && kept.front().pts <= *delivered;
  const bool is_late = next && clock_.steady_now() - next->received_at > kLateness;
  return {.after = *delivered, .at_opener = !is_kept || is_late};
}

Status WorkerLadder::push(EncodedPacket packet) {
  if (state_ != State::kRunning && state_ != State::kWaitingToRestart)
    return Error{ErrorCode::kClosed, "transcode: a packet after the end"};
  if (is_to_be_dropped(packet)) {
    has_dropped_ = true;
    dropped_at_decode_.increment();
    return ok();
  }
  packet.follows_gap |= std::exchange(has_dropped_, false);
  backlog_.push(packet);
  if (worker_) send(packet);
  return ok();
}

bool WorkerLadder::is_to_be_dropped(const EncodedPacket& packet) {
  const bool is_too_large = packet.payload.size() + kPacketOverhead > worker::kMaxBodyBytes;
  if (!worker_) return is_too_large;  // The backlog has its own bound.
  const auto now = clock_.steady_now();
  const bool may_lag = is_catching_up_ || !is_ready_;
  const bool is_lagging =
      window_.age(now) > (may_lag ? std::chrono::nanoseconds(kHang) : FeedWindow::kMaxAge) ||
      window_.bytes() + packet.payload.size() > FeedWindow::kMaxBytes * (may_lag ? 2 : 1);
  if (is_lagging || is_too_large)
    is_dropping_ = true;
  else if (packet.is_key_frame)
    is_dropping_ = false;
  return is_dropping_;
}

void WorkerLadder::send(const EncodedPacket& packet) {
  if (packet.track != sent_track_) {
    worker_->send(worker::write_track(0, *packet.track));
    sent_track_ = packet.track;
  }
  worker_->send(worker::write_packet_header({.rung = 0, .packets_taken = 0, .packet = packet}));
  worker_->send(packet.payload);
  window_.sent(packet.payload.size(), clock_.steady_now());
}

Status WorkerLadder::finish() {
  if (state_ == State::kDraining || state_ == State::kFinished) return ok();
  const bool has_worker = worker_ != nullptr;
  state_ = State::kDraining;
  drain_began_ = clock_.steady_now();
  if (has_worker)
    worker_->close_sending();
  else
    restart_timer_.start(std::chrono::nanoseconds(0), [this] { finish_outputs(); });
  return ok();
}

bool WorkerLadder::is_elsewhere() const {
  if (worker_) return !worker_->is_here();
  return options_.remote != nullptr && options_.remote->has_host();
}

std::optional<DeviceHelp> WorkerLadder::help(std::size_t rung) const {
  if (!worker_ || !worker_->is_here()) return std::nullopt;
  return place_ ? place_->help(options_.rungs[rung]) : DeviceHelp{};
}

// --- What comes back --------------------------------------------------------------------------

void WorkerLadder::on_received(std::span<const std::uint8_t> bytes) {
  heard_at_ = clock_.steady_now();
  const Status status = frames_.append(bytes, [this](worker::MessageType type, const Bytes& body) {
    return on_message(type, body);
  });
  if (!status.has_value()) end_worker(status.error().message, status.error().code);
}

Status WorkerLadder::on_message(worker::MessageType type, const Bytes& body) {
  const bool is_greeting =
      type == worker::MessageType::kReady || type == worker::MessageType::kFailure;
  if (!is_ready_ && !is_greeting)
    return Error{ErrorCode::kInvalidData, "the worker does not greet"};
  switch (type) {
    case worker::MessageType::kReady:
      is_ready_ = true;
      return worker::read_ready(body);
    case worker::MessageType::kTrack: {
      ASSIGN_OR_RETURN(auto message, worker::read_track(body));
      if (message.rung >= rungs_.size())
        return Error{ErrorCode::kInvalidData, "the worker has a rung too many"};
      return rungs_[message.rung].gate.set_track(std::move(message.track));
    }
    case worker::MessageType::kPacket: {
      ASSIGN_OR_RETURN(auto message, worker::read_packet(body));
      return on_packet(std::move(message));
    }
    case worker::MessageType::kStatistics: {
      ASSIGN_OR_RETURN(const auto statistics, worker::read_statistics(body));
      return on_statistics(statistics);
    }
    case worker::MessageType::kFailure: {
      ASSIGN_OR_RETURN(last_words_, worker::read_failure(body));
      return ok();
    }
    default:
      return Error{ErrorCode::kInvalidData, "the worker sends an unknown message"};
  }
}

Status WorkerLadder::on_packet(worker::PacketMessage message) {
  if (message.rung >= rungs_.size())
    return Error{ErrorCode::kInvalidData, "the worker has a rung too many"};
  if (!window_.acknowledge(message.packets_taken))
    return Error{ErrorCode::kInvalidData, "the worker has taken more than it was sent"};
  end_catch_up();
  RungState& rung = rungs_[message.rung];
  ASSIGN_OR_RETURN(auto packet, rung.gate.pass(std::move(message.packet)));
  if (!packet) return ok();
  rung.frames.increment();
  if (rung.output != nullptr)
    if (const Status status = rung.output->push(std::move(*packet)); !status.has_value()) {
      log::error("transcode", "rung ended channel={} rung={} error={}", options_.channel,
                 options_.rungs[message.rung].name, status.error().message);
      metrics_.count_error("transcode", status.error().code);
      rung.output = nullptr;
    }
  on_delivered();
  return ok();
}

/// It has taken the backlog, and what came meanwhile.
void WorkerLadder::end_catch_up() {
  if (window_.acknowledged() >= catch_up_packets_ && window_.age(clock_.steady_now()) < kCaughtUp)
    is_catching_up_ = false;
}

void WorkerLadder::on_delivered() {
  std::optional<MediaTime> all;
  for (const auto& rung : rungs_) {
    const auto delivered = rung.gate.delivered_pts();
    if (!delivered) return;
    all = all ? std::min(*all, *delivered) : *delivered;
  }
  backlog_.delivered(*all);
}

Status WorkerLadder::on_statistics(const worker::Statistics& statistics) {
  if (!window_.acknowledge(statistics.packets_taken) || statistics.rungs.size() != rungs_.size())
    return Error{ErrorCode::kInvalidData, "the worker's statistics make no sense"};
  end_catch_up();
  const auto now = clock_.steady_now();
  for (std::size_t i = 0; i < rungs_.size(); ++i) {
    const auto &before = statistics_.rungs[i], &rung = statistics.rungs[i];
    if (rung.frames_dropped > before.frames_dropped)
      dropped_at_encode_.increment(
          static_cast<double>(rung.frames_dropped - before.frames_dropped));
    if (rung.queue_length < worker::FrameQueue::kMaxFrames ||
        rung.frames_encoded != before.frames_encoded || now - statistics_at_ > kStatisticsAge)
      rungs_[i].moved_at = now;
  }
  if (options_.capacity != nullptr) account(statistics_, statistics);
  statistics_at_ = now;
  statistics_ = statistics;
  if (measured_.rungs.empty()) measured_.rungs.resize(rungs_.size());
  const MediaTime media = statistics.media - measured_.media;
  if (media < kMeasureFactorOver) return ok();
  auto slowest = statistics.decode_busy - measured_.decode_busy;
  for (std::size_t i = 0; i < rungs_.size(); ++i)
    slowest = std::max(slowest, statistics.rungs[i].busy - measured_.rungs[i].busy);
  if (slowest.count() > 0)
    realtime_factor_.set(static_cast<double>(media.count()) / static_cast<double>(slowest.count()));
  measured_ = statistics;
  return ok();
}

/// What decoding and each rung have cost here since the report before. A worker that says that it
/// has done less than before is not believed.
void WorkerLadder::account(const worker::Statistics& before, const worker::Statistics& now) {
  if (!sent_track_ || !worker_->is_here()) return;
  // Up to its first report a worker starts, which is no cost of a picture.
  const bool is_first = before.cpu.count() == 0;
  const auto more = [is_first](std::uint64_t earlier, std::uint64_t later) {
    return is_first || later < earlier ? 0 : later - earlier;
  };
  const auto spent = [](std::chrono::nanoseconds earlier, std::chrono::nanoseconds later) {
    return std::clamp(later - earlier, std::chrono::nanoseconds(0), kMostInReport);
  };
  auto decoding = spent(before.cpu, now.cpu);
  bool drops = false;
  for (std::size_t i = 0; i < rungs_.size(); ++i) {
    const auto &earlier = before.rungs[i], &rung = now.rungs[i];
    const auto cpu = spent(earlier.cpu, rung.cpu);
    decoding -= cpu;
    drops |= rung.frames_dropped > earlier.frames_dropped;
    options_.capacity->observe(encoding_of(options_.rungs[i], options_.profile, *sent_track_,
                                           options_.part_target, help(i)->encodes),
                               more(earlier.frames_encoded, rung.frames_encoded), cpu);
  }
  options_.capacity->observe(decoding_of(*sent_track_, is_on_device()),
                             more(before.frames_decoded, now.frames_decoded), decoding);
  if (drops) options_.capacity->observe_drops();
}

// --- Supervision ------------------------------------------------------------------------------

void WorkerLadder::on_exited(const std::string& how) {
  end_worker(last_words_.empty() ? how : last_words_, ErrorCode::kClosed);
}

/// No failure of the ladder's: what the hosts were sent is kept, and begins here.
void WorkerLadder::on_no_host() {
  log::warning("transcode", "no host has a worker, it is to run here channel={}", options_.channel);
  worker_.reset();
  workers_.add(-1);
  if (const Status status = spawn_worker(); status.has_value()) {
    if (state_ == State::kDraining) worker_->close_sending();
  } else if (state_ == State::kDraining) {
    metrics_.count_error("transcode", status.error().code);
    finish_outputs();
  } else {
    wait_to_restart(status.error());
  }
}

void WorkerLadder::end_worker(std::string_view why, ErrorCode code) {
  const bool has_finished = state_ == State::kDraining && why == "exit code 0";
  if (!has_finished) worker_->blame(why);
  worker_.reset();
  workers_.add(-1);
  if (has_finished) return finish_outputs();
  metrics_.count_error("transcode", code);
  const auto ran = clock_.steady_now() - worker_began_;
  if (state_ == State::kDraining) {
    log::warning("transcode", "worker ended while draining channel={} why=\"{}\"", options_.channel,
                 why);
    return finish_outputs();
  }
  report_crash(why);
  std::chrono::milliseconds delay(0);
  if (is_on_device()) {
    failovers_.increment();
    place_->failed(why);
  } else {
    delay = backoff_.next_delay(ran);
  }
  log::warning("transcode",
               "worker ended channel={} device={} why=\"{}\" ran={:.1f}s restart_in={}ms",
               options_.channel, is_on_device() ? place_->device() : "cpu", why,
               std::chrono::duration<double>(ran).count(), delay.count());
  state_ = State::kWaitingToRestart;
  restart_timer_.start(delay, [this] { restart(); });
}

void WorkerLadder::report_crash(std::string_view why) const {
  if (!options_.on_crash) return;
  options_.on_crash({.channel = options_.channel,
                     .why = std::string(why),
                     .input = worker_input(configuration(), backlog_.packets())});
}

void WorkerLadder::restart() {
  restarts_.increment();
  if (const Status status = spawn_worker(); !status.has_value())
    return wait_to_restart(status.error());
  state_ = State::kRunning;
}

void WorkerLadder::wait_to_restart(const Error& why) {
  metrics_.count_error("transcode", why.code);
  const auto delay = backoff_.next_delay(std::chrono::nanoseconds(0));
  log::warning("transcode", "no worker channel={} why=\"{}\" restart_in={}ms", options_.channel,
               why.message, delay.count());
  state_ = State::kWaitingToRestart;
  restart_timer_.start(delay, [this] { restart(); });
}

void WorkerLadder::watch() {
  if (state_ == State::kFinished) return;
  const auto now = clock_.steady_now();
  if (worker_ && state_ == State::kRunning) {
    if (const auto why = hang(now); !why.empty()) end_worker(why, ErrorCode::kTimedOut);
  } else if (worker_ && state_ == State::kDraining &&
             (now - drain_began_ > kLongestDrain ||
              now - std::max(drain_began_, heard_at_) > (is_ready_ ? kSilence : kHang))) {
    end_worker("does not finish", ErrorCode::kTimedOut);
  }
  watch_timer_.start(kWatchEvery, [this] { watch(); });
}

std::string_view WorkerLadder::hang(steady_clock::time_point now) const {
  if (window_.is_stuck(now, heard_at_, is_ready_)) return "takes no packets";
  if (now - statistics_at_ > kStatisticsAge) return {};  // Without packets nothing moves.
  for (const auto& rung : rungs_)
    if (now - rung.moved_at > kHang) return "encodes nothing";
  return {};
}

void WorkerLadder::finish_outputs() {
  state_ = State::kFinished;
  watch_timer_.cancel();
  for (auto& rung : rungs_)
    if (rung.output != nullptr)
      if (const Status status = rung.output->finish(); !status.has_value())
        metrics_.count_error("transcode", status.error().code);
  if (options_.on_drained) options_.on_drained();
}

}  // namespace millrace::transcode
