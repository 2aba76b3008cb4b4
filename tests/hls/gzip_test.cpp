#include "hls/gzip.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <string>

using namespace millrace;
using namespace millrace::hls;

namespace {

std::string gunzip(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out(100'000, '\0');
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("what was compressed comes back", "[gzip]") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "#EXT-X-PART:DURATION=0.20000,URI=\"p-" + std::to_string(i);
  const Bytes compressed = gzip(text);
  CHECK(compressed.size() < text.size() / 4);
  CHECK(gunzip(compressed) == text);
  CHECK(gunzip(gzip("")).empty());
  const std::string small = text.substr(0, 900);  // With a smaller window.
  CHECK(gunzip(gzip(small)) == small);
}

TEST_CASE("pieces that were compressed by themselves are one text, in any order", "[gzip]") {
  const std::string head = "#EXTM3U\n", tail = "#EXT-X-ENDLIST\n";
  std::string middle;
  for (int i = 0; i < 500; ++i) middle += "#EXTINF:2.00000,\ns7f3-" + std::to_string(i) + ".m4s\n";
  const DeflatedPiece pieces[] = {deflate_piece(head), deflate_piece(middle), deflate_piece(tail),
                                  deflate_piece("")};
  const auto join = [](const std::vector<const DeflatedPiece*>& order) {
    std::string bytes;
    for (const Bytes& piece : gzip_of(order)) bytes += piece.text();
    return gunzip(Bytes::copy_of(bytes));
  };
  CHECK(join({&pieces[0], &pieces[1], &pieces[2]}) == head + middle + tail);
  CHECK(join({&pieces[2], &pieces[3], &pieces[1], &pieces[1]}) == tail + middle + middle);
  CHECK(join({}).empty());
  CHECK(pieces[1].bytes.size() < middle.size() / 4);
  CHECK(gzip_of(std::vector{&pieces[0]})[1].data() == pieces[0].bytes.data());
}
