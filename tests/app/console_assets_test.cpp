#include "app/console/console_assets.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>

using millrace::Bytes;
using millrace::console::Asset;
using millrace::console::find_asset;

namespace {

std::string unzip(const Bytes& packed, std::size_t size) {
  std::string out(size + 1, '\0');
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  REQUIRE(result == Z_STREAM_END);
  return out;
}

}  // namespace

TEST_CASE("the page and everything it loads is in the binary", "[console]") {
  const Asset* page = find_asset("/");
  REQUIRE(page != nullptr);
  CHECK(page->content_type == "text/html; charset=utf-8");
  const std::string_view html = page->bytes.text();
  CHECK(html.starts_with("<!doctype html>"));
  // Each src="/…" and href="/…" names an asset: nothing comes from elsewhere.
  std::set<std::string_view> named;
  for (const std::string_view attribute : {"src=\"", "href=\""}) {
    for (auto at = html.find(attribute); at != std::string_view::npos;
         at = html.find(attribute, at + 1)) {
      const auto begin = at + attribute.size();
      const std::string_view url = html.substr(begin, html.find('"', begin) - begin);
      CHECK_FALSE(url.starts_with("http"));
      CHECK_FALSE(url.starts_with("//"));
      if (url.starts_with("/")) named.insert(url);
    }
  }
  CHECK(named.contains("/console.js"));
  CHECK(named.contains("/console.css"));
  CHECK(named.contains("/hls.min.js"));
  for (const std::string_view url : named) {
    INFO(url);
    CHECK(find_asset(url) != nullptr);
  }
}

TEST_CASE("an asset's gzip form is the same bytes, smaller", "[console]") {
  for (const std::string_view path :
       {"/", "/console.css", "/console.js", "/player.js", "/hls.min.js"}) {
    INFO(path);
    const Asset* asset = find_asset(path);
    REQUIRE(asset != nullptr);
    CHECK(asset->gzip.size() < asset->bytes.size());
    CHECK(unzip(asset->gzip, asset->bytes.size()) == asset->bytes.text());
  }
}

TEST_CASE("assets have their own weak entity tags", "[console]") {
  std::set<std::string_view> tags;
  for (const std::string_view path :
       {"/", "/console.css", "/console.js", "/player.js", "/hls.min.js"}) {
    const std::string_view tag = find_asset(path)->etag;
    CHECK(tag.starts_with("W/\""));
    CHECK(tag.ends_with("\""));
    tags.insert(tag);
  }
  CHECK(tags.size() == 5);
}

TEST_CASE("what the page does not have is not found", "[console]") {
  CHECK(find_asset("") == nullptr);
  CHECK(find_asset("/console.html") == nullptr);
  CHECK(find_asset("/../etc/passwd") == nullptr);
  CHECK(find_asset("console.js") == nullptr);
}
