#pragma once
// JSON Web Tokens for tests: made with a secret, or ready-made with keys of the kinds that are
// known.
#include <cstdint>
#include <string>
#include <string_view>

#include "net/digest.h"

namespace millrace::test {

inline std::string base64url(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

inline std::string make_jwt(std::string_view payload, std::string_view key,
                            std::string_view header = R"({"alg":"HS256"})") {
  const std::string text = base64url(header) + "." + base64url(payload);
  const auto digest = net::hmac_sha256(key, text);
  return text + "." + base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

// What both of these say: {"exp":1800000000,"channel":"shop"}.
inline constexpr std::string_view kRs256Token =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE4MDAwMDAwMDAsImNoYW5uZWwiOiJzaG9wIn0.Y"
    "zz5oWb10_T4C5YynYiJ_j4I-a4hVv1pLK9a6Aq2rFmJul6ug7rWAmPYAw8kjNNsnSVayHHn4hhl56PmE5TgVch"
    "D5oaBj4Dd2HDZL5JXika8tJu4DhdBv6AzuOa7-ndYJHH51kIMal1eMxCwnLE6wicEbN5jnTsPfr9vVSbKoz4pG"
    "rnObzXi-mJf3LAMfShWh5aqISHVfZYLYDP1RRwlaFD3BVORA1HzP-u2By8r9EmfrEH2KOZVT19HBjDxXewCHE6"
    "i5Uk5u2Ujy8lWohd3KAS5MKxbt8TPNSFWWTzA0YDwd6ksYYMyNylrdcUbabxDnp9gAxwDvuj_RGDwi2abGQ";
inline constexpr std::string_view kRsaKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx9PH2w45y+gvSqubCUDc\n"
    "4M2xSnw1HGZZKXJUtLCrCfe2OiLlSK4/XDgOIAn8ezmU/EhECFYoMwsRsREv5KDl\n"
    "44rkemoK+/fn45sRPCH0JRRhJrkV7gv98aIWx9TIC5dH5AMbYTT7ldpKm9EdYXlm\n"
    "77rDUN/vdJ1nyHhPT30xrzzY5FF6lZetf20RtMaaGgqCPbIwNShVWnWxzrwDNPOF\n"
    "8+QSkBqUJsy5zDeaVO8dBv03QE3o8zAFiVDsBg5xvNCFD506K0PfrNeFnNEeeabI\n"
    "3pBpSqhX/0f4G65qxh81GS7HR4ICxtosXnp+o2S2UPwwAjWjuxaEdNuoWwzgYTsI\n"
    "CQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr std::string_view kEs256Token =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE4MDAwMDAwMDAsImNoYW5uZWwiOiJzaG9wIn0.t"
    "y9eOh2IKcUGXXpXRCDn9j7u5oi6NLyMK-GnZxSINznYiCHLka2INAibt5SCsotMXuQP9ZjjsngG9DCMkr2jFg";
inline constexpr std::string_view kEcKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEieIH5nZ5F7HvKpFGKP4JOZKdIfSX\n"
    "2k+WEQI8vOVc66nHrqCE4GUE5GddpUbyjYGxJfVsbQzmWOi3FMvfnd0bAg==\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace millrace::test
