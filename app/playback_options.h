#pragma once
// Who may play, from the configuration to what the origin is made with. Reads files. One thread.
#include <memory>
#include <string>

#include "app/config.h"
#include "hls/hls.h"
#include "net/public_key.h"

namespace millrace::app {

/// The error says what to do about it, without the file's name.
Result<std::shared_ptr<const net::PublicKey>> load_public_key(const std::string& file);

/// kInvalidData, kUnsupported or kSystem, naming the file: it is another one since it was checked.
Result<hls::PlaybackOptions> load_playback_options(const Config& config);

}  // namespace millrace::app
