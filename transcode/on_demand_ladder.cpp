#include "transcode/on_demand_ladder.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "transcode/remote_hosts.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode {
namespace {

// What a lane keeps while the one before it drains: seconds of a rung.
constexpr std::size_t kMaxWaitingBytes = std::size_t{16} * 1024 * 1024;

std::vector<double> start_bounds() {
  return {0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5};
}

}  // namespace

class OnDemandLadder::Lane final : public Sink<EncodedPacket> {
 public:
  Lane(OnDemandLadder& ladder, std::size_t rung) : ladder_(ladder), rung_(rung) {}

  Status push(EncodedPacket packet) override {
    if (is_first()) {
      ladder_.deliver(rung_, std::move(packet));
      return ok();
    }
    wait(std::move(packet));
    return ok();
  }
  Status finish() override {
    is_over_ = true;
    if (is_first()) ladder_.advance(rung_);
    return ok();
  }

  std::size_t rung() const { return rung_; }
  bool is_over() const { return is_over_; }
  std::vector<EncodedPacket> take_waiting() {
    bytes_ = 0;
    return std::exchange(waiting_, {});
  }

 private:
  void wait(EncodedPacket packet) {
    if (bytes_ + packet.payload.size() > kMaxWaitingBytes) {
      waiting_.clear();
      bytes_ = 0;
      skips_ = true;
    }
    if (skips_ && !packet.opens_segment) return;
    packet.follows_gap |= std::exchange(skips_, false);
    bytes_ += packet.payload.size();
    waiting_.push_back(std::move(packet));
  }
  bool is_first() const { return ladder_.outputs_[rung_].lanes.front() == this; }

  OnDemandLadder& ladder_;
  const std::size_t rung_;
  std::vector<EncodedPacket> waiting_;
  std::size_t bytes_ = 0;
  bool skips_ = false;  ///< Up to the next segment: there was too much.
  bool is_over_ = false;
};

struct OnDemandLadder::Shift {
  std::vector<std::unique_ptr<Lane>> lanes;  ///< Of its rungs, in their order.
  std::unique_ptr<WorkerLadder> worker;
  bool is_fed = true;
  bool is_drained = false;

  bool has(std::size_t rung) const {
    return std::any_of(lanes.begin(), lanes.end(),
                       [rung](const auto& lane) { return lane->rung() == rung; });
  }
};

OnDemandLadder::OnDemandLadder(Options options, const std::vector<Sink<EncodedPacket>*>& outputs,
                               net::EventLoop& loop, Metrics& metrics)
    : options_(std::move(options)),
      loop_(loop),
      metrics_(metrics),
      starts_(metrics.counter("millrace_transcode_rung_starts_total",
                              "Rungs whose encoding began, since somebody wanted them.",
                              {{"channel", options_.channel}})),
      stops_(metrics.counter("millrace_transcode_rung_stops_total",
                             "Rungs whose encoding ended, since nobody wanted them any more.",
                             {{"channel", options_.channel}})),
      start_seconds_(metrics.histogram(
          "millrace_transcode_rung_start_seconds",
          "From a rung being wanted to its first packet, all channels together.", start_bounds())),
      running_(metrics.gauge("millrace_transcode_rungs", "Rungs that are being encoded.")),
      wanted_(outputs.size(), false),
      on_drained_(options_.on_drained),
      sweep_timer_(loop) {
  for (auto* const output : outputs)
    outputs_.push_back({.sink = output, .lanes = {}, .wanted_at = {}});
}

OnDemandLadder::~OnDemandLadder() {
  running_.add(-static_cast<double>(shown_));
}

// --- What is wanted -----------------------------------------------------------------------------

void OnDemandLadder::want(std::vector<bool> wanted, CatchUp catch_up) {
  CHECK(wanted.size() == outputs_.size());
  if (is_finished_) return;
  std::vector<std::size_t> added;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) outputs_[i].is_awaited = false;
    if (!wanted[i] || is_running(i)) continue;
    added.push_back(i);
    if (!std::exchange(outputs_[i].is_awaited, true)) outputs_[i].wanted_at = clock_.steady_now();
  }
  wanted_ = std::move(wanted);
  std::erase_if(older_, [this](const Older& older) {
    if (std::ranges::any_of(older.rungs, [this](std::size_t rung) { return wanted_[rung]; }))
      return false;
    drop_older(older);
    return true;
  });
  // Without a backlog they begin in hand_over().
  const bool begins =
      !added.empty() && !catch_up.backlog.empty() && begin_shift(added, catch_up.backlog);
  if (!catch_up.older.empty()) {
    Older older{.rungs = std::move(added), .packets = std::move(catch_up.older), .after = 0};
    for (const auto& packet : catch_up.backlog)
      older.after = packet.opens_segment.value_or(older.after);
    if (begins)
      older_.push_back(std::move(older));
    else
      drop_older(older);
  }
  show();
}

void OnDemandLadder::begin_older(std::size_t rung, SegmentNumber number) {
  std::erase_if(older_, [&](const Older& older) {
    const bool has_rung = std::ranges::find(older.rungs, rung) != older.rungs.end();
    if (!has_rung || number < older.after) return false;
    std::vector<Sink<EncodedPacket>*> outputs;
    for (const std::size_t one : older.rungs) outputs.push_back(options_.older_outputs[one]);
    auto shift = make_shift(older.rungs, std::move(outputs), older.packets);
    if (!shift) {
      drop_older(older);
      return true;
    }
    end_shift(*shift);
    shifts_.push_back(std::move(shift));
    return true;
  });
}

void OnDemandLadder::drop_older(const Older& older) {
  for (const std::size_t rung : older.rungs)
    if (const Status status = options_.older_outputs[rung]->finish(); !status.has_value())
      metrics_.count_error("transcode", status.error().code);
}

bool OnDemandLadder::is_running(std::size_t rung) const {
  return std::any_of(shifts_.begin(), shifts_.end(),
                     [rung](const auto& shift) { return shift->is_fed && shift->has(rung); });
}

bool OnDemandLadder::is_elsewhere() const {
  if (shifts_.empty()) return options_.remote != nullptr && options_.remote->has_host();
  return std::all_of(shifts_.begin(), shifts_.end(),
                     [](const auto& shift) { return shift->worker->is_elsewhere(); });
}

std::vector<std::optional<DeviceHelp>> OnDemandLadder::help() const {
  std::vector<std::optional<DeviceHelp>> helps(outputs_.size());
  for (const auto& shift : shifts_)
    for (std::size_t i = 0; shift->is_fed && i < shift->lanes.size(); ++i)
      helps[shift->lanes[i]->rung()] = shift->worker->help(i);
  return helps;
}

std::unique_ptr<OnDemandLadder::Shift> OnDemandLadder::make_shift(
    const std::vector<std::size_t>& rungs, std::vector<Sink<EncodedPacket>*> outputs,
    const std::vector<EncodedPacket>& backlog) {
  auto shift = std::make_unique<Shift>();
  Options options = options_;
  options.rungs.clear();
  for (const std::size_t rung : rungs) options.rungs.push_back(options_.rungs[rung]);
  options.on_drained = [this, of = shift.get()] {
    of->is_drained = true;
    sweep_timer_.start(std::chrono::nanoseconds(0), [this] { sweep(); });
  };
  shift->worker = std::make_unique<WorkerLadder>(std::move(options), std::move(outputs), backlog,
                                                 loop_, metrics_);
  const Status status = shift->worker->start();
  if (status.has_value()) return shift;
  metrics_.count_error("transcode", status.error().code);
  log::error("transcode", "no worker channel={} error={}", options_.channel,
             status.error().message);
  return nullptr;
}

bool OnDemandLadder::begin_shift(const std::vector<std::size_t>& rungs,
                                 const std::vector<EncodedPacket>& backlog) {
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<Sink<EncodedPacket>*> outputs;
  for (const std::size_t rung : rungs) {
    lanes.push_back(std::make_unique<Lane>(*this, rung));
    outputs.push_back(lanes.back().get());
  }
  auto shift = make_shift(rungs, std::move(outputs), backlog);
  if (!shift) return false;
  for (const auto& lane : lanes) outputs_[lane->rung()].lanes.push_back(lane.get());
  shift->lanes = std::move(lanes);
  shifts_.push_back(std::move(shift));
  return true;
}

void OnDemandLadder::end_shift(Shift& shift) {
  shift.is_fed = false;
  // It only asks the worker to end, or has none.
  if (const Status status = shift.worker->finish(); !status.has_value())
    metrics_.count_error("transcode", status.error().code);
}

void OnDemandLadder::hand_over() {
  std::vector<std::size_t> wanted;
  std::vector<Shift*> fed;
  for (std::size_t i = 0; i < wanted_.size(); ++i)
    if (wanted_[i]) wanted.push_back(i);
  for (const auto& shift : shifts_)
    if (shift->is_fed) fed.push_back(shift.get());
  const bool is_one = fed.size() == 1 && fed.front()->lanes.size() == wanted.size() &&
                      std::all_of(wanted.begin(), wanted.end(),
                                  [&](std::size_t rung) { return fed.front()->has(rung); });
  if (is_one || (fed.empty() && wanted.empty())) return;
  if (!wanted.empty() && !begin_shift(wanted, {})) return;
  for (Shift* const shift : fed) end_shift(*shift);
  show();
}

void OnDemandLadder::show() {
  std::size_t running = 0;
  for (std::size_t i = 0; i < outputs_.size(); ++i) running += is_running(i) ? 1 : 0;
  running_.add(static_cast<double>(running) - static_cast<double>(shown_));
  shown_ = running;
}

// --- What goes through --------------------------------------------------------------------------

Status OnDemandLadder::push(EncodedPacket packet) {
  if (is_finished_) return Error{ErrorCode::kClosed, "transcode: a packet after the end"};
  if (options_.source != packet.track) options_.source = packet.track;
  // A worker begins with a key frame of the source.
  if (packet.opens_segment && packet.is_key_frame) hand_over();
  for (const auto& shift : shifts_)
    if (shift->is_fed) RETURN_IF_ERROR(shift->worker->push(packet));
  return ok();
}

void OnDemandLadder::deliver(std::size_t rung, EncodedPacket packet) {
  Output& output = outputs_[rung];
  if (std::exchange(output.is_awaited, false)) {
    starts_.increment();
    const auto took = clock_.steady_now() - output.wanted_at;
    start_seconds_.observe(std::chrono::duration<double>(took).count());
    log::info("transcode", "rung begins channel={} rung={} after={:.0f}ms", options_.channel,
              options_.rungs[rung].name, std::chrono::duration<double, std::milli>(took).count());
  }
  if (packet.opens_segment) begin_older(rung, *packet.opens_segment);
  if (output.sink == nullptr) return;
  if (const Status status = output.sink->push(std::move(packet)); !status.has_value()) {
    log::error("transcode", "rung ended channel={} rung={} error={}", options_.channel,
               options_.rungs[rung].name, status.error().message);
    metrics_.count_error("transcode", status.error().code);
    output.sink = nullptr;
  }
}

void OnDemandLadder::advance(std::size_t rung) {
  Output& output = outputs_[rung];
  while (!output.lanes.empty() && output.lanes.front()->is_over()) {
    output.lanes.pop_front();
    if (output.lanes.empty()) break;
    for (auto& packet : output.lanes.front()->take_waiting()) deliver(rung, std::move(packet));
  }
  if (!output.lanes.empty() || output.sink == nullptr) return;
  if (!is_finished_) {
    stops_.increment();
    log::info("transcode", "rung ends channel={} rung={}", options_.channel,
              options_.rungs[rung].name);
  }
  if (const Status status = output.sink->finish(); !status.has_value())
    metrics_.count_error("transcode", status.error().code);
}

void OnDemandLadder::sweep() {
  // One that has drained before its predecessor still has packets that wait.
  std::erase_if(shifts_, [this](const auto& shift) {
    return shift->is_drained && std::none_of(outputs_.begin(), outputs_.end(), [&](const auto& o) {
             return std::any_of(shift->lanes.begin(), shift->lanes.end(), [&](const auto& lane) {
               return std::find(o.lanes.begin(), o.lanes.end(), lane.get()) != o.lanes.end();
             });
           });
  });
  if (is_finished_ && shifts_.empty() && on_drained_) std::exchange(on_drained_, nullptr)();
}

Status OnDemandLadder::finish() {
  if (std::exchange(is_finished_, true)) return ok();
  for (const auto& shift : shifts_)
    if (shift->is_fed) end_shift(*shift);
  for (const Older& older : std::exchange(older_, {})) drop_older(older);
  show();
  if (shifts_.empty()) sweep_timer_.start(std::chrono::nanoseconds(0), [this] { sweep(); });
  return ok();
}

Result<std::unique_ptr<Ladder>> create(Options options,
                                       const std::vector<Sink<EncodedPacket>*>& outputs,
                                       net::EventLoop& loop, Metrics& metrics) {
  if (options.rungs.empty() || options.rungs.size() > worker::kMaxRungs ||
      options.rungs.size() != outputs.size() ||
      (!options.older_outputs.empty() && options.older_outputs.size() != outputs.size()))
    return Error{ErrorCode::kUnsupported, "transcode: a ladder has 1 to 16 rungs"};
  if (::access(options.worker_path.c_str(), X_OK) != 0)
    return Error{ErrorCode::kSystem, "transcode: " + options.worker_path + " cannot be run"};
  return std::make_unique<OnDemandLadder>(std::move(options), outputs, loop, metrics);
}

}  // namespace millrace::transcode
