#include "ingest/auth/limited_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::ingest {

void Pace::add(MediaTime media, std::chrono::nanoseconds arrival, std::int64_t amount) {
  by_media_.add(media, amount);
  by_arrival_.add(arrival, amount);
  by_arrival_for_long_.add(arrival, amount);
}

bool Pace::exceeds(double per_second) const {
  return (by_media_.exceeds(per_second) && by_arrival_.exceeds(per_second)) ||
         by_arrival_for_long_.exceeds(per_second);
}

Status LimitedFeed::push(SourcePacket packet) {
  if (is_stopped_) return ok();
  auto excess = find_excess(packet);
  if (!excess) return feed_->push(std::move(packet));
  is_stopped_ = true;
  metrics_
      .counter("millrace_publish_limited_total", "Publishers cut off past one of their limits.",
               {{"channel", grant_.channel}, {"limit", excess->limit}})
      .increment();
  publisher_.stop(excess->reason);
  return ok();
}

std::optional<LimitedFeed::Excess> LimitedFeed::find_excess(const SourcePacket& packet) {
  const PublishLimits& limits = grant_.limits;
  if (limits.session.count() > 0 && packet.received_at - admitted_at_ > limits.session)
    return Excess{"session",
                  fmt::format("The session is over: it may last {} s.", limits.session.count())};
  if (auto excess = find_excess_of_size(packet)) return excess;
  return find_excess_of_rates(packet);
}

std::optional<LimitedFeed::Excess> LimitedFeed::find_excess_of_size(const SourcePacket& packet) {
  const PublishLimits& limits = grant_.limits;
  if (packet.track->kind != MediaKind::kVideo || packet.track == video_) return std::nullopt;
  video_ = packet.track;
  const int width = packet.track->video.width;
  const int height = packet.track->video.height;
  const bool is_too_large = (limits.width > 0 && std::max(width, height) > limits.width) ||
                            (limits.height > 0 && std::min(width, height) > limits.height);
  if (!is_too_large) return std::nullopt;
  const auto side = [](int limit) { return limit > 0 ? fmt::format("{}", limit) : "any"; };
  return Excess{"resolution", fmt::format("The picture of {}x{} is too large: {} by {} is allowed.",
                                          width, height, side(limits.width), side(limits.height))};
}

std::optional<LimitedFeed::Excess> LimitedFeed::find_excess_of_rates(const SourcePacket& packet) {
  const PublishLimits& limits = grant_.limits;
  const std::chrono::nanoseconds arrival = packet.received_at.time_since_epoch();
  if (limits.bits_per_second > 0) {
    bits_.add(packet.dts, arrival, static_cast<std::int64_t>(packet.payload.size()) * 8);
    if (bits_.exceeds(static_cast<double>(limits.bits_per_second) * kBitRateTolerance))
      return Excess{"bitrate", fmt::format("The bit rate is too high: {} kb/s are allowed.",
                                           limits.bits_per_second / 1000)};
  }
  const bool is_main_picture = packet.track->kind == MediaKind::kVideo && packet.track->index == 0;
  if (limits.frame_rate > 0 && is_main_picture) {
    pictures_.add(packet.dts, arrival, 1);
    if (pictures_.exceeds(limits.frame_rate * kFrameRateTolerance))
      return Excess{"frame_rate",
                    fmt::format("The frame rate is too high: {} are allowed.", limits.frame_rate)};
  }
  return std::nullopt;
}

std::unique_ptr<Feed> limit_feed(std::unique_ptr<Feed> feed, Publisher& publisher,
                                 const Grant& grant,
                                 std::chrono::steady_clock::time_point admitted_at,
                                 Metrics& metrics) {
  if (grant.limits == PublishLimits{}) return feed;
  return std::make_unique<LimitedFeed>(std::move(feed), publisher, grant, admitted_at, metrics);
}

}  // namespace millrace::ingest
