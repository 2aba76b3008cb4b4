#pragma once
// What the rows of config_keys.cpp are written with: how a member of each type is set from a
// checked Value and printed back, and the rules that several rows share. Pure, any thread.
#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "app/config_values.h"

namespace millrace::app::rows {

using std::chrono::nanoseconds;

inline constexpr std::string_view kLevels = "debug info warning error off";
inline constexpr std::string_view kProfiles = "balanced realtime quality";
inline constexpr std::string_view kHoldModes = "picture slate none";
inline constexpr std::string_view kDevicePolicies = "cpu prefer-gpu gpu-only";
inline constexpr std::string_view kRungModes = "on-demand always off";
inline constexpr std::string_view kRungCodecs = "h264 hevc av1";
inline constexpr std::string_view kOtherwise = "pass encode refuse";
inline constexpr std::string_view kAudioCodecs = "aac opus";
inline constexpr std::string_view kHdrModes = "tone-map keep";
inline constexpr std::string_view kPlaybackAccess = "open signed";
inline constexpr std::string_view kWhenDown = "allow-known deny";

// What a row's lambdas need per member type: from a checked Value into the struct and back.
inline void store(bool& member, const Value& value) {
  member = std::get<bool>(value);
}
inline void store(std::string& member, const Value& value) {
  member = std::get<std::string>(value);
}
inline void store(std::vector<std::string>& member, const Value& value) {
  member = std::get<std::vector<std::string>>(value);
}
inline void store(log::Level& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "debug"     ? log::Level::kDebug
           : word == "warning" ? log::Level::kWarning
           : word == "error"   ? log::Level::kError
           : word == "off"     ? log::Level::kOff
                               : log::Level::kInfo;
}
inline void store(transcode::Profile& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "realtime"  ? transcode::Profile::kRealtime
           : word == "quality" ? transcode::Profile::kQuality
                               : transcode::Profile::kBalanced;
}
inline void store(HoldMode& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "slate"  ? HoldMode::kSlate
           : word == "none" ? HoldMode::kNone
                            : HoldMode::kPicture;
}
inline Codec codec_of(const std::string& word) {
  return word == "hevc"   ? Codec::kHevc
         : word == "av1"  ? Codec::kAv1
         : word == "aac"  ? Codec::kAac
         : word == "opus" ? Codec::kOpus
                          : Codec::kH264;
}
inline void store(Codec& member, const Value& value) {
  member = codec_of(std::get<std::string>(value));
}
inline void store(std::vector<Codec>& member, const Value& value) {
  member.clear();
  for (const auto& word : std::get<std::vector<std::string>>(value))
    member.push_back(codec_of(word));
}
inline void store(transcode::Otherwise& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "encode"   ? transcode::Otherwise::kEncode
           : word == "refuse" ? transcode::Otherwise::kRefuse
                              : transcode::Otherwise::kPass;
}
inline void store(transcode::DevicePolicy& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "gpu-only"     ? transcode::DevicePolicy::kGpuOnly
           : word == "prefer-gpu" ? transcode::DevicePolicy::kPreferGpu
                                  : transcode::DevicePolicy::kCpu;
}
inline void store(transcode::RungMode& member, const Value& value) {
  const auto& word = std::get<std::string>(value);
  member = word == "off"      ? transcode::RungMode::kOff
           : word == "always" ? transcode::RungMode::kAlways
                              : transcode::RungMode::kOnDemand;
}
inline void store(transcode::HdrMode& member, const Value& value) {
  member = std::get<std::string>(value) == "keep" ? transcode::HdrMode::kKeep
                                                  : transcode::HdrMode::kToneMap;
}
inline void store(ingest::WhenDown& member, const Value& value) {
  member = std::get<std::string>(value) == "deny" ? ingest::WhenDown::kDeny
                                                  : ingest::WhenDown::kAllowKnown;
}
inline void store(hls::PlaybackAccess& member, const Value& value) {
  member = std::get<std::string>(value) == "signed" ? hls::PlaybackAccess::kSigned
                                                    : hls::PlaybackAccess::kOpen;
}
template <std::integral Number>
void store(Number& member, const Value& value) {
  member = static_cast<Number>(std::get<std::int64_t>(value));
}
template <typename Representation, typename Period>
void store(std::chrono::duration<Representation, Period>& member, const Value& value) {
  member = std::chrono::duration_cast<std::chrono::duration<Representation, Period>>(
      nanoseconds(std::get<std::int64_t>(value)));
}
inline void store(double& member, const Value& value) {
  member = static_cast<double>(std::get<std::int64_t>(value));
}
template <typename Member>
void store(std::optional<Member>& member, const Value& value) {
  store(member.emplace(), value);
}

inline Value load(bool member) {
  return member;
}
inline Value load(const std::string& member) {
  return member;
}
inline Value load(const std::vector<std::string>& member) {
  return member;
}
inline Value load(log::Level member) {
  switch (member) {
    case log::Level::kDebug:
      return std::string("debug");
    case log::Level::kInfo:
      return std::string("info");
    case log::Level::kWarning:
      return std::string("warning");
    case log::Level::kError:
      return std::string("error");
    case log::Level::kOff:
      return std::string("off");
  }
  return std::string();
}
inline Value load(transcode::Profile member) {
  return std::string(member == transcode::Profile::kRealtime  ? "realtime"
                     : member == transcode::Profile::kQuality ? "quality"
                                                              : "balanced");
}
inline Value load(HoldMode member) {
  return std::string(member == HoldMode::kSlate  ? "slate"
                     : member == HoldMode::kNone ? "none"
                                                 : "picture");
}
inline Value load(Codec member) {
  return std::string(to_string(member));
}
inline Value load(const std::vector<Codec>& member) {
  std::vector<std::string> words;
  words.reserve(member.size());
  for (const Codec codec : member) words.emplace_back(to_string(codec));
  return words;
}
inline Value load(transcode::Otherwise member) {
  return std::string(member == transcode::Otherwise::kEncode   ? "encode"
                     : member == transcode::Otherwise::kRefuse ? "refuse"
                                                               : "pass");
}
inline Value load(transcode::DevicePolicy member) {
  return std::string(member == transcode::DevicePolicy::kGpuOnly     ? "gpu-only"
                     : member == transcode::DevicePolicy::kPreferGpu ? "prefer-gpu"
                                                                     : "cpu");
}
inline Value load(transcode::RungMode member) {
  return std::string(to_string(member));
}
inline Value load(transcode::HdrMode member) {
  return std::string(member == transcode::HdrMode::kKeep ? "keep" : "tone-map");
}
inline Value load(ingest::WhenDown member) {
  return std::string(member == ingest::WhenDown::kDeny ? "deny" : "allow-known");
}
inline Value load(hls::PlaybackAccess member) {
  return std::string(member == hls::PlaybackAccess::kSigned ? "signed" : "open");
}
template <typename Number>
requires(std::integral<Number> && !std::same_as<Number, bool>) Value load(Number member) {
  return static_cast<std::int64_t>(member);
}
template <typename Representation, typename Period>
Value load(std::chrono::duration<Representation, Period> member) {
  return std::int64_t{nanoseconds(member).count()};
}
inline Value load(double member) {
  return static_cast<std::int64_t>(member);
}
template <typename Member>
Value load(const std::optional<Member>& member) {
  return member ? load(*member) : Value(std::string());
}

inline constexpr ValueRule kBoolean{ValueKind::kBoolean};
inline constexpr ValueRule kPath{ValueKind::kPath};
inline constexpr ValueRule kSecret{ValueKind::kSecret};
constexpr ValueRule count(std::int64_t least, std::int64_t most) {
  return {ValueKind::kCount, {least, most}};
}
constexpr ValueRule bytes(std::int64_t least, std::int64_t most) {
  return {ValueKind::kBytes, {least, most}};
}
constexpr ValueRule duration(nanoseconds least, nanoseconds most) {
  return {ValueKind::kDuration, {least.count(), most.count()}};
}
constexpr ValueRule listeners(std::int64_t least) {
  return {ValueKind::kListeners, {least, 16}};
}
constexpr ValueRule choice(std::string_view choices) {
  return {ValueKind::kChoice, {}, choices};
}

inline constexpr ValueRule kBitRateLimit{ValueKind::kBitRate, {0, 1'000'000'000}};
inline constexpr ValueRule kCacheLifetime =
    duration(std::chrono::seconds(0), std::chrono::hours(8760));
inline constexpr ValueRule kSessionLimit =
    duration(std::chrono::seconds(0), std::chrono::hours(8760));
inline constexpr std::int64_t kKiB = 1024;
inline constexpr std::int64_t kMiB = 1024 * kKiB;
inline constexpr std::int64_t kGiB = 1024 * kMiB;

}  // namespace millrace::app::rows
