#include "ingest/report/stream_report.h"

#include <algorithm>
#include <utility>

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenJudgements = 1s;

// What net/srt measures of the channel's connection, by the names under which it shows it.
double srt_gauge(Metrics& metrics, const std::string& channel, const char* name, const char* help) {
  return metrics.gauge(name, help, {{"channel", channel}}).value();
}

double srt_dropped(Metrics& metrics, const std::string& channel) {
  return metrics
      .counter("millrace_srt_packets_dropped_total",
               "Packets that did not come in time: media is missing.", {{"channel", channel}})
      .value();
}

std::chrono::nanoseconds from_seconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(seconds));
}

}  // namespace

ChannelReport::ChannelReport(std::string channel, Metrics& metrics, const Clock& clock)
    : channel_(std::move(channel)),
      metrics_(metrics),
      clock_(clock),
      key_frame_interval_(
          metrics.gauge("millrace_ingest_key_frame_interval_seconds",
                        "Between the newest key frames, or since the last if that is longer.",
                        {{"channel", channel_}})),
      frame_rate_(metrics.gauge("millrace_ingest_frame_rate",
                                "Pictures per second of the source's time, over 5 s.",
                                {{"channel", channel_}})),
      bits_per_second_(metrics.gauge("millrace_ingest_bits_per_second",
                                     "Media payload as it arrives, over 5 s.",
                                     {{"channel", channel_}})),
      av_skew_(metrics.gauge("millrace_ingest_av_skew_seconds",
                             "Sound's times less those of the picture that comes with it.",
                             {{"channel", channel_}})),
      findings_(std::make_shared<const std::vector<Finding>>()) {}

void ChannelReport::begin(std::string protocol, const PassthroughLimits& limits) {
  has_publisher_ = true;
  protocol_ = std::move(protocol);
  announced_frame_rate_ = 0;
  figures_ = SourceFigures();
  limits_ = limits;
  picture_bits_.reset();
  if (limits_.bits_per_second > 0) picture_bits_.emplace();
  unaligned_rungs_ = 0;
  began_ = judged_ = clock_.steady_now();
  dropped_before_ = protocol_ == "srt" ? srt_dropped(metrics_, channel_) : 0;
  publish({});
}

void ChannelReport::announce(const Announcement& announcement) {
  announced_frame_rate_ = announcement.frame_rate;
}

void ChannelReport::add(const SourcePacket& packet) {
  if (packet.track->index != 0) return;
  figures_.add(packet);
  if (picture_bits_ && packet.track->kind == MediaKind::kVideo)
    picture_bits_->add(packet.dts, packet.received_at.time_since_epoch(),
                       static_cast<std::int64_t>(packet.payload.size()) * 8);
}

void ChannelReport::tick() {
  const TimePoint now = clock_.steady_now();
  if (!has_publisher_ || now - judged_ < kBetweenJudgements) return;
  judged_ = now;
  const Figures& figures = figures_.figures();
  show_figures(figures);
  auto findings = judge(figures, figures_.video(), figures_.audio(), circumstances(now));
  keep_since(findings, now);
  publish(std::move(findings));
}

void ChannelReport::end() {
  has_publisher_ = false;
  show_figures({});
  publish({});
}

std::shared_ptr<const std::vector<Finding>> ChannelReport::findings() const {
  const MutexLock lock(mutex_);
  return findings_;
}

Circumstances ChannelReport::circumstances(TimePoint now) const {
  Circumstances result{.protocol = protocol_,
                       .announced_frame_rate = announced_frame_rate_,
                       .silence = now - figures_.newest_arrival().value_or(began_),
                       .round_trip = {},
                       .latency = {},
                       .dropped_packets = 0,
                       .unaligned_rungs = unaligned_rungs_,
                       .limits = limits_};
  result.is_above_bit_rate =
      picture_bits_ && picture_bits_->exceeds(static_cast<double>(limits_.bits_per_second) *
                                              LimitedFeed::kBitRateTolerance);
  if (protocol_ != "srt") return result;
  result.round_trip = from_seconds(srt_gauge(metrics_, channel_, "millrace_srt_round_trip_seconds",
                                             "Round trip to the publisher, smoothed."));
  result.latency = from_seconds(srt_gauge(metrics_, channel_, "millrace_srt_latency_seconds",
                                          "How long packets are held back, as negotiated."));
  result.dropped_packets = srt_dropped(metrics_, channel_) - dropped_before_;
  return result;
}

/// A finding that was there before is as old as it was.
void ChannelReport::keep_since(std::vector<Finding>& findings, TimePoint now) const {
  const auto before = this->findings();
  for (auto& finding : findings) {
    const auto known = std::find_if(before->begin(), before->end(), [&](const auto& earlier) {
      return earlier.code == finding.code;
    });
    finding.since = known == before->end() ? now : known->since;
  }
}

void ChannelReport::publish(std::vector<Finding> findings) {
  for (auto& [code, gauge] : by_code_) gauge.set(0);
  for (const auto& finding : findings) {
    const auto known = by_code_.find(finding.code);
    Gauge gauge = known != by_code_.end()
                      ? known->second
                      : metrics_.gauge("millrace_ingest_findings",
                                       "1 while the report says so of what the publisher sends.",
                                       {{"channel", channel_}, {"code", finding.code}});
    gauge.set(1);
    by_code_.emplace(finding.code, gauge);
  }
  auto newest = std::make_shared<const std::vector<Finding>>(std::move(findings));
  const MutexLock lock(mutex_);
  findings_.swap(newest);
}

void ChannelReport::show_figures(const Figures& figures) {
  const auto seconds = [](MediaTime time) { return std::chrono::duration<double>(time).count(); };
  key_frame_interval_.set(seconds(figures.key_frame_interval.value_or(0s)));
  frame_rate_.set(figures.frame_rate);
  bits_per_second_.set(figures.bits_per_second);
  av_skew_.set(seconds(figures.av_skew.value_or(0s)));
}

std::unique_ptr<StreamReport> create_stream_report(std::string channel, Metrics& metrics,
                                                   const Clock& clock) {
  return std::make_unique<ChannelReport>(std::move(channel), metrics, clock);
}

}  // namespace millrace::ingest
