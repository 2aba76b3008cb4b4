#include "ingest/rtmp/on_meta_data.h"

#include <cmath>

#include "net/rtmp/amf0.h"

namespace millrace::ingest {

std::optional<Announcement> parse_on_meta_data(std::span<const std::uint8_t> body) {
  net::rtmp::Amf0Reader reader(body);
  const auto name = reader.read();
  if (!name.has_value() || name.value().string() == nullptr ||
      *name.value().string() != "onMetaData")
    return std::nullopt;
  const auto value = reader.read();
  if (!value.has_value() || value.value().object() == nullptr) return std::nullopt;
  const auto& metadata = value.value();

  Announcement announcement;
  const bool has_video = metadata.find("videocodecid") != nullptr;
  const bool has_audio = metadata.find("audiocodecid") != nullptr;
  if (has_video || has_audio) {  // With neither it has not said.
    announcement.has_video = has_video;
    announcement.has_audio = has_audio;
  }
  for (const char* property : {"framerate", "videoframerate"}) {
    const auto* rate = metadata.find(property);
    const double number = rate != nullptr ? rate->number().value_or(0) : 0;
    if (std::isfinite(number) && number > 0 && number <= 1000) {
      announcement.frame_rate = number;
      break;
    }
  }
  const auto* encoder = metadata.find("encoder");
  if (encoder != nullptr && encoder->string() != nullptr)
    announcement.encoder = encoder->string()->substr(0, 128);
  return announcement;
}

}  // namespace millrace::ingest
