#include "hls/gzip.h"

#include <zlib.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace millrace::hls {
namespace {

// zlib's own default: a playlist becomes a sixth of itself.
constexpr int kLevel = 6;
// zlib clears and allocates for the window that it is given: 256 KiB for the usual one, which a
// playlist of 3 KB does not fill. With this one it takes a third of the time, for the same bytes.
constexpr int kSmallWindow = 12;  // 4 KiB.
constexpr int kLargeWindow = 15;
constexpr int kWithGzipHeader = 16;
constexpr int kRaw = -1;
// An empty stored block ends a piece that others follow; and one byte stays free.
constexpr std::size_t kFlushBytes = 16;
constexpr int kSmallMemory = 5;
constexpr int kLargeMemory = 8;

/// `format`: added to or made of the window's size as deflateInit2() wants it.
Bytes compress(std::string_view text, int format, int flush) {
  z_stream stream{};
  const bool is_small = text.size() <= std::size_t{1} << kSmallWindow;
  const int window = is_small ? kSmallWindow : kLargeWindow;
  CHECK(deflateInit2(&stream, kLevel, Z_DEFLATED, format == kRaw ? -window : window + format,
                     is_small ? kSmallMemory : kLargeMemory, Z_DEFAULT_STRATEGY) == Z_OK);
  MutableBytes out(deflateBound(&stream, static_cast<uLong>(text.size())) + kFlushBytes);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, flush);
  const std::size_t size = stream.total_out;
  const bool has_room = stream.avail_out > 0;
  deflateEnd(&stream);
  // There is room for any outcome.
  CHECK(result == (flush == Z_FINISH ? Z_STREAM_END : Z_OK) && has_room);
  return Bytes(std::move(out)).slice(0, size);
}

}  // namespace

Bytes gzip(std::string_view text) {
  return compress(text, kWithGzipHeader, Z_FINISH);
}

DeflatedPiece deflate_piece(std::string_view text) {
  return {.bytes = compress(text, kRaw, Z_SYNC_FLUSH),
          .checksum = static_cast<std::uint32_t>(
              crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size())),
          .plain_bytes = text.size(),
          .checksum_step =
              static_cast<std::uint32_t>(crc32_combine_gen(static_cast<z_off_t>(text.size())))};
}

std::vector<Bytes> gzip_of(std::span<const DeflatedPiece* const> pieces) {
  // RFC 1952 2.3: deflate, no flags, no time, Unix.
  static constexpr std::array<std::uint8_t, 10> kHeader{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  std::vector<Bytes> body{Bytes::of_static(kHeader)};
  body.reserve(pieces.size() + 2);
  uLong checksum = 0;
  std::size_t size = 0;
  for (const DeflatedPiece* const piece : pieces) {
    body.push_back(piece->bytes);
    checksum = crc32_combine_op(checksum, piece->checksum, piece->checksum_step);
    size += piece->plain_bytes;
  }
  // An empty last block of the fixed kind (RFC 1951 3.2.6), and the trailer.
  std::array<std::uint8_t, 10> end{0x03, 0x00};
  for (std::size_t i = 0; i < 4; ++i) {
    end[2 + i] = static_cast<std::uint8_t>(checksum >> (8 * i) & 0xff);
    end[6 + i] = static_cast<std::uint8_t>(size >> (8 * i) & 0xff);
  }
  body.push_back(Bytes::copy_of(end));
  return body;
}

}  // namespace millrace::hls
