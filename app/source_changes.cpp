#include "app/source_changes.h"

#include <fmt/format.h>

namespace millrace::app {

SourceChanges::SourceChanges(std::string channel, Metrics& metrics)
    : channel_(std::move(channel)), metrics_(metrics) {}

void SourceChanges::begin() {
  tracks_.clear();
  has_begun_ = is_cut_off_ = false;
}

std::optional<std::string> SourceChanges::check(const ingest::SourcePacket& packet, TimePoint now) {
  auto& known = tracks_[{packet.track->kind, packet.track->index}];
  if (packet.track == known) return std::nullopt;
  const auto before = std::exchange(known, packet.track);
  if (!before || *before == *packet.track || !is_one_too_many(changes_, now)) return std::nullopt;
  return cut_off("parameters",
                 fmt::format("The parameters of the stream change all the time: {} changes in {} s "
                             "are allowed.",
                             kMost, kWithin.count()));
}

std::optional<std::string> SourceChanges::begin_anew(TimePoint now) {
  if (!std::exchange(has_begun_, true) || !is_one_too_many(beginnings_, now)) return std::nullopt;
  return cut_off("beginnings",
                 fmt::format("The stream begins anew all the time, as its parameters or times "
                             "change: {} times in {} s are allowed.",
                             kMost, kWithin.count()));
}

bool SourceChanges::is_one_too_many(Times& times, TimePoint now) {
  while (!times.empty() && (now - times.front() >= kWithin || times.size() > kMost))
    times.pop_front();
  times.push_back(now);
  return times.size() > kMost;
}

std::optional<std::string> SourceChanges::cut_off(const char* limit, std::string reason) {
  if (std::exchange(is_cut_off_, true)) return std::nullopt;
  metrics_
      .counter("millrace_publish_limited_total", "Publishers cut off past one of their limits.",
               {{"channel", channel_}, {"limit", limit}})
      .increment();
  return reason;
}

}  // namespace millrace::app
