#include "ingest/ts/ts_intake.h"

#include <utility>

namespace millrace::ingest {

bool TsIntake::receive(std::span<const std::uint8_t> bytes, TimePoint at) {
  const MutexLock lock(mutex_);
  if (inbox_.bytes.size() + bytes.size() > kMaxBytes) return false;
  inbox_.bytes.insert(inbox_.bytes.end(), bytes.begin(), bytes.end());
  inbox_.messages.push_back({bytes.size(), at});
  return true;
}

bool TsIntake::wants_drain() {
  const MutexLock lock(mutex_);
  return !inbox_.messages.empty() && !std::exchange(is_drain_posted_, true);
}

Status TsIntake::drain() {
  {
    const MutexLock lock(mutex_);
    is_drain_posted_ = false;
    std::swap(inbox_, work_);
  }
  Status status = ok();
  std::size_t at = 0;
  for (const auto& message : work_.messages) {
    const auto bytes = std::span<const std::uint8_t>(work_.bytes).subspan(at, message.size);
    at += message.size;
    status = demux(bytes, message.at);
    if (!status.has_value()) break;
  }
  work_.bytes.clear();
  work_.messages.clear();
  count_faults();
  return status;
}

Status TsIntake::demux(std::span<const std::uint8_t> message, TimePoint at) {
  RETURN_IF_ERROR(demuxer_.push(message, at));
  if (framing_ == Framing::kStream) return ok();
  if (message.size() < full_message_) return demuxer_.end_short_message();
  full_message_ = message.size();
  return ok();
}

void TsIntake::count_faults() {
  const TsCounts& now = demuxer_.counts();
  const auto count = [&](const char* kind, std::uint64_t TsCounts::*member) {
    if (now.*member == counted_.*member) return;
    Labels labels = labels_;
    labels["kind"] = kind;
    metrics_
        .counter("millrace_ts_faults_total",
                 "What was wrong with a publisher's transport stream, by kind.", labels)
        .increment(static_cast<double>(now.*member - counted_.*member));
  };
  count("lost_sync", &TsCounts::lost_sync);
  count("continuity", &TsCounts::continuity_errors);
  count("transport_error", &TsCounts::transport_errors);
  count("bad_section", &TsCounts::bad_sections);
  count("dropped_unit", &TsCounts::dropped_units);
  count("unsupported_stream", &TsCounts::unsupported_streams);
  counted_ = now;
}

}  // namespace millrace::ingest
