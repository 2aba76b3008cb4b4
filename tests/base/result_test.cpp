#include "base/result.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>

using millrace::Error;
using millrace::ErrorCode;
using millrace::ok;
using millrace::Result;
using millrace::Status;

namespace {

struct Animal {
  virtual ~Animal() = default;
  virtual std::string name() const = 0;
};
struct Cat final : Animal {
  std::string name() const override { return "cat"; }
};

/// Positive numbers only; counts its calls.
Result<int> checked(int number, int& calls) {
  ++calls;
  if (number <= 0) return Error{ErrorCode::kInvalidData, "number " + std::to_string(number)};
  return number;
}

Status check_both(int first, int second, int& calls) {
  RETURN_IF_ERROR(checked(first, calls));
  RETURN_IF_ERROR(checked(second, calls));
  return ok();
}

Result<std::string> sum_of(int first, int second, int& calls) {
  ASSIGN_OR_RETURN(const int a, checked(first, calls));
  ASSIGN_OR_RETURN(const int b, checked(second, calls));
  return std::to_string(a + b);
}

Result<std::unique_ptr<Animal>> make_animal() {
  return std::make_unique<Cat>();
}

// What fails has another type of value than who passes it on.
Result<std::string> name_of(Result<std::unique_ptr<Animal>> made) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Animal> animal, std::move(made));
  return animal->name();
}

}  // namespace

TEST_CASE("a result has a value or an error, never both", "[result]") {
  const Result<int> value = 7;
  REQUIRE(value.has_value());
  CHECK(value.value() == 7);
  const Result<int> error = Error{ErrorCode::kTimedOut, "too late"};
  REQUIRE_FALSE(error.has_value());
  CHECK(error.error().code == ErrorCode::kTimedOut);
  CHECK(error.error().message == "too late");
  CHECK(ok().has_value());
}

TEST_CASE("an empty value is a value", "[result]") {
  CHECK(Result<std::string>(std::string()).has_value());
  CHECK(Result<std::unique_ptr<int>>(nullptr).has_value());
  CHECK(Result<bool>(false).has_value());
}

TEST_CASE("a value can be changed in place and moved out", "[result]") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(1);
  *result.value() = 2;
  const std::unique_ptr<int> taken = std::move(result).value();
  CHECK(*taken == 2);
  CHECK(result.value() == nullptr);
}

TEST_CASE("a result converts to its value's type as the value does", "[result]") {
  const auto animal = make_animal();
  REQUIRE(animal.has_value());
  CHECK(animal.value()->name() == "cat");
}

TEST_CASE("RETURN_IF_ERROR passes the error on and evaluates what it is given once", "[result]") {
  int calls = 0;
  CHECK(check_both(1, 2, calls).has_value());
  CHECK(calls == 2);
  calls = 0;
  const auto status = check_both(-1, 2, calls);
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "number -1");
  CHECK(calls == 1);
}

TEST_CASE("ASSIGN_OR_RETURN declares the value or passes the error on", "[result]") {
  int calls = 0;
  CHECK(sum_of(3, 4, calls).value() == "7");
  CHECK(calls == 2);
  calls = 0;
  const auto failed = sum_of(-3, 4, calls);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::kInvalidData);
  CHECK(failed.error().message == "number -3");
  CHECK(calls == 1);
}

TEST_CASE("values that can only be moved go through ASSIGN_OR_RETURN", "[result]") {
  CHECK(name_of(make_animal()).value() == "cat");
  const auto failed = name_of(Error{ErrorCode::kClosed, "gone"});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::kClosed);
}

TEST_CASE("every error code has a metric label of its own", "[result]") {
  std::set<std::string_view> labels;
  for (const auto code :
       {ErrorCode::kInvalidData, ErrorCode::kUnsupported, ErrorCode::kLimitExceeded,
        ErrorCode::kTimedOut, ErrorCode::kClosed, ErrorCode::kDenied, ErrorCode::kSystem})
    labels.insert(to_string(code));
  CHECK(labels == std::set<std::string_view>{"invalid_data", "unsupported", "limit_exceeded",
                                             "timed_out", "closed", "denied", "system"});
}
