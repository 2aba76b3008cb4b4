#include "app/channel_list.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/finding_json.h"
#include "app/json_text.h"
#include "app/version.h"

namespace millrace::app {
namespace {

std::string iso_time(std::chrono::nanoseconds wall) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wall);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                     std::chrono::duration_cast<std::chrono::milliseconds>(wall - seconds).count());
}

std::string_view to_string(ChannelStatus::State state) {
  switch (state) {
    case ChannelStatus::State::kWaiting:
      return "waiting";
    case ChannelStatus::State::kLive:
      return "live";
    case ChannelStatus::State::kEnded:
      return "ended";
  }
  return "unknown";
}

nlohmann::json describe(const hls::RenditionStatus& rendition) {
  nlohmann::json json{{"name", rendition.name},
                      {"kind", rendition.kind == MediaKind::kVideo ? "video" : "audio"},
                      {"codecs", rendition.codecs},
                      {"bits_per_second", rendition.bits_per_second}};
  if (rendition.kind == MediaKind::kVideo) {
    json["width"] = rendition.width;
    json["height"] = rendition.height;
    json["frame_rate"] = rendition.frame_rate;
  }
  if (rendition.is_idle) json["idle"] = true;
  if (rendition.is_refused) json["refused"] = true;
  return json;
}

nlohmann::json describe(const std::vector<ingest::Finding>& findings,
                        std::chrono::steady_clock::time_point now) {
  nlohmann::json report = nlohmann::json::array();
  for (const auto& finding : findings) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - finding.since);
    auto json = app::describe(finding);
    json["age_seconds"] = age.count();
    report.push_back(std::move(json));
  }
  return report;
}

std::string describe(const Channels& served, const Clock& clock, Audience audience) {
  nlohmann::json channels = nlohmann::json::array();
  for (const Channel* const channel : served.all()) {
    const auto output = channel->output();
    if (!output) continue;  // Never published to.
    const ChannelStatus status = channel->status();
    const hls::ChannelStatus hls_status = output->status();
    // Between a publisher's coming and its first segment the playlists are those of the show
    // before.
    const bool is_old = status.state == ChannelStatus::State::kLive && hls_status.has_ended;
    nlohmann::json json{{"name", channel->name()},
                        {"state", to_string(status.state)},
                        {"playable", hls_status.is_playable && !is_old},
                        {"holding", status.is_holding},
                        {"uptime_seconds", 0},
                        {"renditions", nlohmann::json::array()},
                        {"report", describe(*channel->findings(), clock.steady_now())}};
    for (const auto& rendition : hls_status.renditions)
      json["renditions"].push_back(describe(rendition));
    if (status.state == ChannelStatus::State::kLive) {
      const auto uptime = clock.steady_now() - status.live_since;
      json["uptime_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(uptime).count();
      json["publisher"] = {{"protocol", status.protocol}};
      // Where a streamer sits is nobody's business but the operator's.
      if (audience == Audience::kOperator)
        json["publisher"]["remote_address"] = status.remote_address;
    }
    channels.push_back(std::move(json));
  }
  return to_text({{"version", kVersion},
                  {"now", iso_time(clock.wall_now())},
                  {"channels", std::move(channels)}});
}

}  // namespace

Bytes ChannelList::text() {
  if (audience_ == Audience::kOperator)
    return Bytes::copy_of(describe(channels_, clock_, audience_));
  {
    const MutexLock lock(mutex_);
    const auto now = clock_.steady_now();
    if (!text_.empty() && now - made_at_ < kKept) return text_;
    made_at_ = now;  // Whoever asks while it is made gets the one before.
  }
  const Bytes made = Bytes::copy_of(describe(channels_, clock_, audience_));
  const MutexLock lock(mutex_);
  text_ = made;
  return made;
}

}  // namespace millrace::app
