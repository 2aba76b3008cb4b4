#pragma once
// A value, or why there is none: the subset of std::expected that millrace uses, and two macros.
#include <cassert>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace millrace {

enum class ErrorCode {
  kInvalidData,
  kUnsupported,
  kLimitExceeded,
  kTimedOut,
  kClosed,
  kDenied,
  kSystem,
};

/// The name under which an error is counted: `millrace_errors_total{code=…}`.
constexpr std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidData:
      return "invalid_data";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kLimitExceeded:
      return "limit_exceeded";
    case ErrorCode::kTimedOut:
      return "timed_out";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kSystem:
      return "system";
  }
  return "unknown";
}

struct Error {
  ErrorCode code;
  std::string message;  ///< What failed and on what: "fmp4: sample 3 of track 1 has no duration".
};

/// To become an alias of std::expected once both compilers have it.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Convertible: so a unique_ptr<Impl> returns as Result<unique_ptr<Interface>>.
  template <std::convertible_to<T> U>
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  T& value() & {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  const Error& error() const& {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    assert(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;
inline Status ok() {
  return std::monostate{};
}

}  // namespace millrace

#define MILLRACE_JOIN_INNER(a, b) a##b
#define MILLRACE_JOIN(a, b) MILLRACE_JOIN_INNER(a, b)
#define RETURN_IF_ERROR(expression)                                                           \
  do {                                                                                        \
    if (auto failed_ = (expression); !failed_.has_value()) return std::move(failed_).error(); \
  } while (false)
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(MILLRACE_JOIN(result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                   \
  if (!result.has_value()) return std::move(result).error();    \
  declaration = std::move(result).value()
