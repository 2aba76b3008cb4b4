#include "hls/playlist/text.h"

#include <charconv>
#include <chrono>

namespace millrace::hls::playlist {

Text& Text::operator<<(std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text_.append(digits, end);
  return *this;
}

Text& Text::seconds(PrintedTime time) {
  const auto steps = static_cast<std::uint64_t>(time);
  *this << steps / kStepsPerSecond;
  text_.push_back('.');
  padded(steps % kStepsPerSecond, 5);
  return *this;
}

Text& Text::date(MediaTime since_epoch) {
  const std::chrono::milliseconds time(scale_rounded(since_epoch.count(), 1, 1'000'000));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(std::chrono::sys_days{day});
  const auto rest = static_cast<std::uint64_t>((time - day).count());
  padded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  text_.push_back('-');
  padded(static_cast<unsigned>(date.month()), 2);
  text_.push_back('-');
  padded(static_cast<unsigned>(date.day()), 2);
  text_.push_back('T');
  padded(rest / 3'600'000, 2);
  text_.push_back(':');
  padded(rest / 60'000 % 60, 2);
  text_.push_back(':');
  padded(rest / 1'000 % 60, 2);
  text_.push_back('.');
  padded(rest % 1'000, 3);
  text_.push_back('Z');
  return *this;
}

void Text::padded(std::uint64_t number, int digits) {
  char text[20];
  for (int i = digits - 1; i >= 0; --i) {
    text[i] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  text_.append(text, static_cast<std::size_t>(digits));
}

}  // namespace millrace::hls::playlist
