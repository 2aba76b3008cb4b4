#pragma once
// Playlists as gzip (RFC 1952). Pure; any thread.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace millrace::hls {

Bytes gzip(std::string_view text);

/// A part of a text, compressed by itself, that can stand in any number of gzip texts.
struct DeflatedPiece {
  Bytes bytes;  ///< RFC 1951 up to a byte's boundary; not the last block.
  std::uint32_t checksum = 0;
  std::size_t plain_bytes = 0;
  /// Of crc32_combine_op(): a checksum goes on behind so many bytes.
  std::uint32_t checksum_step = 0;
};
DeflatedPiece deflate_piece(std::string_view text);
/// The pieces one behind the other as one gzip text, without a copy of them.
std::vector<Bytes> gzip_of(std::span<const DeflatedPiece* const> pieces);

}  // namespace millrace::hls
