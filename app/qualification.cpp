#include "app/qualification.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace millrace::app {
namespace {

using transcode::Otherwise;

// What no parameter says: it shows while the source runs.
constexpr std::array<std::string_view, 3> kMeasured{"b_frames", "bitrate", "gop"};

PassthroughLimits limits_of(const transcode::RungTemplate& rung) {
  PassthroughLimits limits = rung.limits;
  limits.frame_rate = rung.max_frame_rate;
  // What is encoded is progressive. What is refused could at least be seen, in combs.
  limits.may_be_interlaced = rung.otherwise != Otherwise::kEncode;
  limits.may_be_unplayable = rung.otherwise == Otherwise::kPass;
  return limits;
}

const char* to_string(Otherwise otherwise) {
  switch (otherwise) {
    case Otherwise::kPass:
      return "pass";
    case Otherwise::kEncode:
      return "encode";
    case Otherwise::kRefuse:
      return "refuse";
  }
  return "pass";
}

}  // namespace

Qualification::Qualification(std::string channel, Metrics& metrics)
    : channel_(std::move(channel)), metrics_(metrics) {}

void Qualification::begin(const Ladder& ladder) {
  // One that sent no picture says nothing of the encoder.
  if (std::exchange(has_begun_, false))
    was_measured_ = std::any_of(kMeasured.begin(), kMeasured.end(),
                                [this](auto reason) { return told_.contains(reason); });
  told_.clear();
  checked_.reset();
  is_refused_ = false;
  const auto rung =
      std::find_if(ladder.begin(), ladder.end(), [](const auto& each) { return each.passthrough; });
  limits_ = rung == ladder.end() ? PassthroughLimits() : limits_of(*rung);
  otherwise_ = rung == ladder.end() ? Otherwise::kPass : rung->otherwise;
}

std::optional<std::string> Qualification::check(const std::shared_ptr<const TrackInfo>& video) {
  if (video == checked_) return std::nullopt;
  checked_ = video;
  return follow(ingest::check_passthrough(limits_, *video));
}

std::optional<std::string> Qualification::follow(const std::vector<ingest::Finding>& findings) {
  std::optional<std::string> refusal;
  for (const auto& finding : findings) {
    if (!finding.code.starts_with(ingest::kUnqualified)) continue;
    const std::string reason = finding.code.substr(ingest::kUnqualified.size());
    if (!told_.insert(reason).second) continue;
    metrics_
        .counter("millrace_passthrough_unqualified_total",
                 "Publishers whose source does not keep a limit of the passthrough rung.",
                 {{"channel", channel_}, {"reason", reason}})
        .increment();
    log::warning("app", "source does not qualify channel={} reason={} otherwise={} text=\"{}\"",
                 channel_, reason, to_string(otherwise_), finding.text);
    if (otherwise_ != Otherwise::kRefuse || is_refused_) continue;
    is_refused_ = true;
    refusal = finding.text + " " + finding.remedy;
  }
  return refusal;
}

bool Qualification::is_encoded(const TrackInfo& video) {
  has_begun_ = true;
  if (otherwise_ != Otherwise::kEncode) return false;
  const bool is_by_parameters = !ingest::check_passthrough(limits_, video).empty();
  if (!is_by_parameters && !was_measured_) return false;
  log::info("app", "source is encoded, not passed through channel={} by={}", channel_,
            is_by_parameters ? "parameters" : "what the publisher before sent");
  return true;
}

}  // namespace millrace::app
