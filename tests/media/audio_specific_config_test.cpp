#include "media/audio_specific_config.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace millrace;

namespace {

Result<AudioSpecificConfig> parse(std::initializer_list<int> bytes) {
  std::vector<std::uint8_t> config;
  for (const int byte : bytes) config.push_back(static_cast<std::uint8_t>(byte));
  return parse_audio_specific_config(config);
}

}  // namespace

TEST_CASE("AAC-LC is what it says, an extension that says no included", "[aac]") {
  const auto plain = parse({0x11, 0x90});
  REQUIRE(plain.has_value());
  CHECK(plain.value().object_type == AacObjectType::kLowComplexity);
  CHECK(plain.value().audio == AudioParameters{48000, 2, 1024});
  CHECK(parse({0x11, 0x90, 0x56, 0xe5, 0x00}).value().audio == AudioParameters{48000, 2, 1024});
}

TEST_CASE("SBR doubles rate and frame, whichever way it is signalled", "[aac]") {
  // 24 kHz core, stereo; hierarchical, then backward compatible (0x2b7, type 5, present, 48 kHz).
  for (const auto& parsed :
       {parse({0x2b, 0x11, 0x88, 0x00}), parse({0x13, 0x10, 0x56, 0xe5, 0x98})}) {
    REQUIRE(parsed.has_value());
    CHECK(parsed.value().object_type == AacObjectType::kHighEfficiency);
    CHECK(parsed.value().audio == AudioParameters{48000, 2, 2048});
  }
}

TEST_CASE("what ADTS says is of the core", "[aac]") {
  const auto plain = parse({0x11, 0x90}).value();
  CHECK(plain.frequency_index == 3);
  CHECK(plain.channel_configuration == 2);
  const auto doubled = parse({0xeb, 0x09, 0x88, 0x00}).value();
  CHECK(doubled.frequency_index == 6);  // 24 kHz
  CHECK(doubled.channel_configuration == 1);
  CHECK((plain.is_in_adts() && doubled.is_in_adts()));
  // Frames of 960 samples, and a rate without an index.
  CHECK_FALSE(parse({0x11, 0x94}).value().is_in_adts());
  CHECK_FALSE(parse({0x17, 0x80, 0x49, 0xd4, 0x08}).value().is_in_adts());
}

TEST_CASE("parametric stereo makes two channels of one", "[aac]") {
  // 24 kHz core, mono; hierarchical, then backward compatible with 0x548 and present.
  for (const auto& parsed :
       {parse({0xeb, 0x09, 0x88, 0x00}), parse({0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80})}) {
    REQUIRE(parsed.has_value());
    CHECK(parsed.value().object_type == AacObjectType::kHighEfficiencyV2);
    CHECK(parsed.value().audio == AudioParameters{48000, 2, 2048});
  }
}

TEST_CASE("a sample rate that stands in no table is read from the escape", "[aac]") {
  // Index 15, then 24 bits: 37800 Hz; mono.
  const auto parsed = parse({0x17, 0x80, 0x49, 0xd4, 0x08});
  REQUIRE(parsed.has_value());
  CHECK(parsed.value().audio == AudioParameters{37800, 1, 1024});
}

TEST_CASE("frames of 960 samples are known", "[aac]") {
  CHECK(parse({0x11, 0x94}).value().audio.samples_per_frame == 960);
}

TEST_CASE("what cannot be carried is refused", "[aac]") {
  CHECK(parse({}).error().code == ErrorCode::kInvalidData);
  CHECK(parse({0x11}).error().code == ErrorCode::kInvalidData);
  CHECK(parse({0x09, 0x90}).error().code == ErrorCode::kUnsupported);  // Main
  CHECK(parse({0x11, 0x80}).error().code == ErrorCode::kUnsupported);  // channels by PCE
  CHECK(parse({0x16, 0x90}).error().code == ErrorCode::kUnsupported);  // reserved rate
  CHECK(parse({0x2a, 0x11, 0x88, 0x00}).error().code == ErrorCode::kUnsupported);  // 32 to 48 kHz
  CHECK(parse_audio_specific_config(std::vector<std::uint8_t>(65, 0x11)).error().code ==
        ErrorCode::kUnsupported);
}
