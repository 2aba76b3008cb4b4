#pragma once
// The files of the web page, carried in the binary: it works where there is no network.
//
// Thread: any; the files never change.
#include <string_view>

#include "base/bytes.h"

namespace millrace::console {

struct Asset {
  std::string_view path;          ///< Of the URL: "/", "/console.js", …
  std::string_view content_type;  ///< "text/html; charset=utf-8"
  Bytes bytes;
  Bytes gzip;             ///< The same, as Content-Encoding: gzip.
  std::string_view etag;  ///< Quoted and weak: it names both forms.
};

/// Null where the page has no such file.
const Asset* find_asset(std::string_view path);

}  // namespace millrace::console
