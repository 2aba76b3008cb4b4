#include "transcode/fake_device.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/check.h"
#include "transcode/encoder_codec.h"
#include "transcode/encoder_settings.h"
#include "transcode/frame_scaler.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace millrace::transcode {
namespace {

constexpr std::string_view kPrefix = "fake:";

std::vector<std::string> command_files() {
  const char* const text = std::getenv("MILLRACE_FAKE_DEVICES");
  std::vector<std::string> files;
  for (std::string_view rest = text != nullptr ? text : ""; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    files.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return files;
}

class FakeScaler final : public DeviceScaler {
 public:
  FakeScaler(int width, int height) : scaler_(width, height) {}
  Result<FramePointer> scale(const AVFrame& picture) override {
    if (auto scaled = scaler_.scale(picture)) return scaled;
    return Error{ErrorCode::kSystem, "fake device: a picture of unknown format"};
  }

 private:
  FrameScaler scaler_;
};

class FakeDevice final : public Device {
 public:
  explicit FakeDevice(std::string command_file) : command_file_(std::move(command_file)) {}

  Status prepare_decoder(AVCodecContext&) override { return ok(); }
  bool holds(const AVFrame&) const override { return true; }
  std::unique_ptr<DeviceScaler> create_scaler(int width, int height) override {
    return std::make_unique<FakeScaler>(width, height);
  }
  Result<FramePointer> download(const AVFrame& picture) override {
    FramePointer same(av_frame_clone(&picture));
    CHECK(same != nullptr);
    return same;
  }
  const char* encoder_name(Codec codec) const override {
    return codec == Codec::kH264 ? "libx264" : nullptr;
  }
  Status prepare_encoder(AVCodecContext& encoder, Profile, const AVFrame&) override {
    encoder.refs = 2;  // The CPU's encoder has one: other parameter sets.
    return set_codec_options(encoder, Codec::kH264, EncoderSettings{}, true);
  }
  Status check(Work work) override {
    const std::string command = this->command();
    if (command == "hang")
      for (;;) ::pause();
    if (command == "crash") std::abort();
    if (command != (work == Work::kDecode ? "decode" : "encode")) return ok();
    return Error{ErrorCode::kSystem, fmt::format("fake device: told to fail to {}", command)};
  }

  std::string command() const {
    std::ifstream file(command_file_);
    std::string word;
    file >> word;
    return word;
  }

 private:
  const std::string command_file_;
};

}  // namespace

std::vector<std::string> fake_devices() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < command_files().size(); ++i)
    names.push_back(fmt::format("{}{}", kPrefix, i));
  return names;
}

Result<std::unique_ptr<Device>> open_fake_device(std::string_view name) {
  const auto files = command_files();
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (name != fmt::format("{}{}", kPrefix, i)) continue;
    auto device = std::make_unique<FakeDevice>(files[i]);
    if (device->command() == "open")
      return Error{ErrorCode::kSystem, "fake device: told not to open"};
    return std::unique_ptr<Device>(std::move(device));
  }
  return Error{ErrorCode::kUnsupported, fmt::format("there is no device {}", name)};
}

}  // namespace millrace::transcode
