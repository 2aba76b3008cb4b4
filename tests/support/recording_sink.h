#pragma once
#include <vector>

#include "media/sink.h"

namespace millrace::test {

/// Keeps what is pushed.
template <typename Item>
class RecordingSink final : public Sink<Item> {
 public:
  Status push(Item item) override {
    items.push_back(std::move(item));
    return ok();
  }
  Status finish() override {
    ++finishes;
    return ok();
  }

  std::vector<Item> items;
  int finishes = 0;
};

}  // namespace millrace::test
