#include "transcode/capacity.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <set>
#include <utility>

#include "base/log.h"
#include "transcode/encoder_settings.h"
#include "transcode/frame_thinner.h"
#include "transcode/hdr.h"
#include "transcode/machine_cpu.h"

namespace millrace::transcode {
namespace {

// Sizes and presets that are told apart; a platform has some ten. What comes later is guessed.
constexpr std::size_t kMostLearned = 256;
// Of what is seen anew in what is believed: a GOP's worth of reports, one of which is 250 ms.
constexpr double kNews = 0.1;
constexpr double kNewsOfOthers = 0.3;
// Times the first guess: more is not believed of a worker, which would take all rungs of its kind
// from every channel.
constexpr double kFarthest = 50;
// Seconds: longer than a hand-over between two workers, or a rung that catches up.
constexpr int kTightLooks = 3;
// So much more than fits is borne before a rung is shed, so that none goes and comes.
constexpr double kTolerance = 1.1;
constexpr double kMachineIsFull = 0.97;

// First guesses: nanoseconds of one core per pixel, x86-64 with AVX2.
constexpr double kEncodeH264 = 6, kEncodeHevc = 30, kEncodeAv1 = 27, kDecode = 2.5;
// Of these, where a device does it.
constexpr double kOnDevice = 0.05;

double pixels(int width, int height) {
  return static_cast<double>(width) * height;
}

double rate_of(const TrackInfo& source) {
  return 1e9 / static_cast<double>(frame_duration(source.video).count());
}

}  // namespace

Work decoding_of(const TrackInfo& source, bool is_on_device) {
  const VideoParameters& video = source.video;
  return {.name = fmt::format("decode {}{} {}x{}{}", to_string(source.codec),
                              is_hdr(video.colour) ? " hdr" : "", video.width, video.height,
                              is_on_device ? " on a device" : ""),
          .first_guess =
              kDecode * pixels(video.width, video.height) / 1e9 * (is_on_device ? kOnDevice : 1),
          .is_encoding = false,
          .pictures_per_second = rate_of(source)};
}

Work encoding_of(const Rung& rung, Profile profile, const TrackInfo& source, MediaTime part_target,
                 bool is_on_device) {
  if (is_on_device)
    return {.name = fmt::format("encode {} on a device {}x{}", to_string(rung.codec), rung.width,
                                rung.height),
            .first_guess = kOnDevice * kEncodeH264 * pixels(rung.width, rung.height) / 1e9,
            .is_encoding = false,  // The CPU's speed is not learned from it.
            .pictures_per_second = rate_of(source) / rung.every};
  const auto settings =
      encoder_settings(profile, thinned(source.video, rung), part_target, rung.codec);
  const double guess = rung.codec == Codec::kHevc  ? kEncodeHevc
                       : rung.codec == Codec::kAv1 ? kEncodeAv1
                                                   : kEncodeH264;
  return {.name = fmt::format("encode {} {}{}{} {}x{}", to_string(rung.codec), settings.preset,
                              settings.is_zero_latency ? "" : "-lookahead",
                              keeps_hdr(rung, source.video.colour) ? " hdr" : "", rung.width,
                              rung.height),
          .first_guess = guess * pixels(rung.width, rung.height) / 1e9,
          .is_encoding = true,
          .pictures_per_second = rate_of(source) / rung.every};
}

/// What a place costs, as far as it does not change.
struct LearningCapacity::Charge {
  std::string channel;
  std::string rung;
  int height = 0;
  int priority = 0;
  Work encode;
  Work decode;  ///< Once for all rungs of a channel.
};

class LearningCapacity::RungPlace final : public Place {
 public:
  RungPlace(LearningCapacity& capacity, Charge charge)
      : capacity_(capacity), charge_(std::move(charge)) {}
  ~RungPlace() override { capacity_.give_back(*this); }
  RungPlace(const RungPlace&) = delete;
  RungPlace& operator=(const RungPlace&) = delete;

  bool is_shed() const override { return is_shed_; }
  void shed() { is_shed_ = true; }
  const Charge& charge() const { return charge_; }

 private:
  LearningCapacity& capacity_;
  const Charge charge_;
  std::atomic<bool> is_shed_ = false;
};

LearningCapacity::LearningCapacity(CapacityOptions options, Metrics& metrics)
    : options_(options),
      refused_(metrics.counter("millrace_transcode_rungs_refused_total",
                               "Times that a rung somebody wanted did not fit on the machine.")),
      shed_(metrics.counter("millrace_transcode_rungs_shed_total",
                            "Rungs that ended since the machine was overloaded, or a channel of "
                            "higher priority needed their share.")),
      others_gauge_(metrics.gauge("millrace_transcode_others_cores",
                                  "Cores in use besides the workers that encode.")),
      charged_gauge_(metrics.gauge("millrace_transcode_charged_cores",
                                   "Cores that the admitted rungs and their decoders need.")) {
  metrics
      .gauge("millrace_transcode_limit_cores",
             "Cores that may be in use, by whatever, when a rung is admitted; 0: no limit.")
      .set(options_.limit * options_.cores);
}

std::unique_ptr<Capacity> create_capacity(CapacityOptions options, Metrics& metrics) {
  if (options.cores <= 0) options.cores = usable_cores();
  return std::make_unique<LearningCapacity>(options, metrics);
}

// --- Admission ----------------------------------------------------------------------------------

LearningCapacity::Charge LearningCapacity::charge_of(const RungRequest& request) {
  return {.channel = request.channel,
          .rung = request.rung.name,
          .height = std::min(request.rung.width, request.rung.height),
          .priority = request.priority,
          .encode = encoding_of(request.rung, request.profile, *request.source, request.part_target,
                                request.help.encodes),
          .decode = decoding_of(*request.source, request.help.decodes)};
}

double LearningCapacity::cost(const Work& work) const {
  const auto found = learned_.find(work.name);
  const double picture = found == learned_.end() ? work.first_guess * machine_ : found->second;
  return picture * work.pictures_per_second;
}

/// Cores that the admitted need, those of `least_priority` and above, and `with` beside them.
double LearningCapacity::charged(const Charge* with, std::optional<int> least_priority) const {
  double sum = 0;
  std::set<std::string_view> decoded;
  const auto add = [&](const Charge& charge) REQUIRES(mutex_) {
    sum += cost(charge.encode);
    if (decoded.insert(charge.channel).second) sum += cost(charge.decode);
  };
  if (with != nullptr) add(*with);
  for (const RungPlace* const place : places_)
    if (!place->is_shed() && place->charge().priority >= least_priority.value_or(INT_MIN))
      add(place->charge());
  return sum;
}

double LearningCapacity::budget() const {
  return std::max(0.0, options_.limit * options_.cores - others_);
}

bool LearningCapacity::would_fit(const RungRequest& request) const {
  const Charge charge = charge_of(request);
  const MutexLock lock(mutex_);
  return options_.limit <= 0 || charged(&charge, charge.priority) <= budget();
}

Result<std::unique_ptr<Capacity::Place>> LearningCapacity::admit(const RungRequest& request) {
  auto place = std::make_unique<RungPlace>(*this, charge_of(request));
  const Charge& charge = place->charge();
  const MutexLock lock(mutex_);
  if (options_.limit > 0) {
    if (charged(&charge, charge.priority) > budget()) {
      refused_.increment();
      return Error{ErrorCode::kLimitExceeded,
                   fmt::format("needs {:.2f} cores, {:.2f} are left", charged(&charge) - charged(),
                               std::max(0.0, budget() - charged()))};
    }
    while (charged(&charge) > budget()) {
      RungPlace* const worst = first_to_go(charge.priority);
      if (worst == nullptr) break;
      shed(*worst, "a channel of higher priority needs its share");
    }
  }
  places_.push_back(place.get());
  charged_gauge_.set(charged());
  return std::unique_ptr<Place>(std::move(place));
}

void LearningCapacity::give_back(const RungPlace& place) {
  const MutexLock lock(mutex_);
  std::erase(places_, &place);
  charged_gauge_.set(charged());
}

/// Null where there is none, or none of a priority below that.
LearningCapacity::RungPlace* LearningCapacity::first_to_go(std::optional<int> below) {
  RungPlace* worst = nullptr;
  for (RungPlace* const place : places_) {
    const Charge& charge = place->charge();
    if (place->is_shed() || (below && charge.priority >= *below)) continue;
    // The newest of equals: they stand in the order of admission.
    if (worst == nullptr || std::pair(charge.priority, -charge.height) <=
                                std::pair(worst->charge().priority, -worst->charge().height))
      worst = place;
  }
  return worst;
}

void LearningCapacity::shed(RungPlace& place, const char* why) {
  place.shed();
  shed_.increment();
  log::warning("transcode", "rung is shed channel={} rung={} why=\"{}\"", place.charge().channel,
               place.charge().rung, why);
}

// --- What is measured ---------------------------------------------------------------------------

void LearningCapacity::observe(const Work& work, std::uint64_t pictures,
                               std::chrono::nanoseconds cpu) {
  if (cpu.count() <= 0) return;
  const MutexLock lock(mutex_);
  workers_cpu_ += cpu;
  if (pictures == 0) return;
  const double seconds =
      std::min(std::chrono::duration<double>(cpu).count() / static_cast<double>(pictures),
               kFarthest * work.first_guess);
  if (work.is_encoding) machine_ += kNews * (seconds / work.first_guess - machine_);
  const auto found = learned_.find(work.name);
  if (found != learned_.end())
    found->second += kNews * (seconds - found->second);
  else if (learned_.size() < kMostLearned)
    learned_.emplace(work.name, seconds);
}

void LearningCapacity::observe_drops() {
  const MutexLock lock(mutex_);
  has_dropped_ = true;
}

void LearningCapacity::measure() {
  look(busy_time(), std::chrono::steady_clock::now());
}

void LearningCapacity::look(std::chrono::nanoseconds busy,
                            std::chrono::steady_clock::time_point now) {
  const MutexLock lock(mutex_);
  const auto workers = std::exchange(workers_cpu_, {});
  const bool drops = std::exchange(has_dropped_, false);
  const std::chrono::duration<double> elapsed = now - std::exchange(looked_at_, now);
  const auto before = std::exchange(busy_, busy);
  if (!before || elapsed.count() <= 0) return;
  const double used = std::chrono::duration<double>(busy - *before) / elapsed;
  const double by_others = std::max(0.0, used - std::chrono::duration<double>(workers) / elapsed);
  others_ += kNewsOfOthers * (by_others - others_);
  others_gauge_.set(others_);
  charged_gauge_.set(charged());
  if (options_.limit <= 0) return;

  const bool is_full = drops && used > kMachineIsFull * options_.cores;
  const bool is_tight = is_full || charged() > kTolerance * budget();
  tight_for_ = is_tight ? tight_for_ + 1 : 0;
  if (tight_for_ < kTightLooks) return;
  tight_for_ = 0;
  // Where the figures say that all fits, and pictures are dropped, one goes at a time.
  bool must_go = is_full;
  while (std::exchange(must_go, false) || charged() > budget()) {
    RungPlace* const worst = first_to_go({});
    if (worst == nullptr) break;
    shed(*worst, is_full ? "the machine is full, and pictures are late" : "the machine is full");
  }
  charged_gauge_.set(charged());
}

CapacityStatus LearningCapacity::status() const {
  const MutexLock lock(mutex_);
  CapacityStatus status{.cores = options_.cores,
                        .limit = options_.limit * options_.cores,
                        .others = others_,
                        .charged = charged(),
                        .rungs = {},
                        .seconds_per_picture = learned_};
  for (const RungPlace* const place : places_)
    if (!place->is_shed())
      status.rungs.push_back(
          {place->charge().channel, place->charge().rung, cost(place->charge().encode)});
  return status;
}

}  // namespace millrace::transcode
