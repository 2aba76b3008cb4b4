#pragma once
// AMF0 values (Adobe Action Message Format 0, 2007): the arguments of RTMP commands and metadata.
// Reading is bounded in depth and number, whatever the bytes say. Any thread.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace millrace::net::rtmp {

struct AmfUndefined {
  friend bool operator==(AmfUndefined, AmfUndefined) = default;
};
struct AmfNull {
  friend bool operator==(AmfNull, AmfNull) = default;
};
struct AmfProperty;
/// An object, an ECMA array, or a strict array, whose items have empty names. In the order sent.
using AmfObject = std::vector<AmfProperty>;

struct AmfValue {
  std::variant<AmfUndefined, AmfNull, double, bool, std::string, AmfObject> content;

  // Defined where AmfProperty is complete, which clang insists on.
  AmfValue();
  AmfValue(AmfNull null);
  AmfValue(double number);
  AmfValue(bool boolean);
  AmfValue(std::string text);
  AmfValue(const char* text);
  AmfValue(AmfObject object);

  std::optional<double> number() const;
  /// Null where it is not a string.
  const std::string* string() const { return std::get_if<std::string>(&content); }
  const AmfObject* object() const { return std::get_if<AmfObject>(&content); }
  /// The property of an object; null where there is none.
  const AmfValue* find(std::string_view name) const;
};

struct AmfProperty {
  std::string name;
  AmfValue value;
};

bool operator==(const AmfValue& a, const AmfValue& b);
bool operator==(const AmfProperty& a, const AmfProperty& b);

/// Reads one value after the other. `bytes` must outlive it.
class Amf0Reader {
 public:
  explicit Amf0Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool at_end() const { return position_ == bytes_.size(); }
  /// Bytes read so far.
  std::size_t position() const { return position_; }
  /// kInvalidData at the end and on what cannot be read, kUnsupported for AMF3 and references,
  /// kLimitExceeded past the depth or the number of values. After an error it is spent.
  Result<AmfValue> read();

 private:
  Status read_value(int depth, AmfValue& value);
  Status read_properties(int depth, AmfValue& value);
  Status read_items(int depth, AmfValue& value);
  Result<std::string> read_text(int length_bytes);
  Result<double> read_number();
  Status require(std::size_t count) const;

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  int values_ = 0;
};

/// Objects are written as objects, never as ECMA arrays.
void append_amf0(std::vector<std::uint8_t>& out, const AmfValue& value);

}  // namespace millrace::net::rtmp
