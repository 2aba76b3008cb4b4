#pragma once
// Public keys that signatures of others are checked by: RSA with PKCS #1 v1.5 (RS256 of RFC 7518)
// and EC P-256 (ES256), both over SHA-256. Immutable; any thread.
#include <memory>
#include <string_view>

#include "base/result.h"

namespace millrace::net {

enum class SignatureAlgorithm { kRs256, kEs256 };

class PublicKey {
 public:
  virtual ~PublicKey() = default;
  virtual SignatureAlgorithm algorithm() const = 0;
  /// `signature` as RFC 7518 has it: of ES256 the two numbers of 32 bytes each.
  virtual bool verifies(std::string_view text, std::string_view signature) const = 0;
};

/// PEM, "BEGIN PUBLIC KEY". kUnsupported for a key of another kind, or of RSA with less than 2048
/// bits.
Result<std::shared_ptr<const PublicKey>> parse_public_key(std::string_view pem);

}  // namespace millrace::net
