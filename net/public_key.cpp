#include "net/public_key.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <vector>

#include "base/check.h"

namespace millrace::net {
namespace {

// NIST SP 800-131A: less is not to be used any more.
constexpr int kLeastRsaBits = 2048;
constexpr std::size_t kEs256NumberBytes = 32;

template <auto release>
struct Releaser {
  template <typename Object>
  void operator()(Object* object) const {
    release(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Releaser<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Releaser<EVP_MD_CTX_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// RFC 7518 3.4 to the DER that OpenSSL wants; empty where it is none.
std::vector<unsigned char> der_of(std::string_view signature) {
  std::vector<unsigned char> der;
  if (signature.size() != 2 * kEs256NumberBytes) return der;
  const std::unique_ptr<ECDSA_SIG, Releaser<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
  constexpr int kBytes = static_cast<int>(kEs256NumberBytes);
  BIGNUM* const r = BN_bin2bn(bytes_of(signature), kBytes, nullptr);
  BIGNUM* const s = BN_bin2bn(bytes_of(signature.substr(kEs256NumberBytes)), kBytes, nullptr);
  CHECK(pair && r && s && ECDSA_SIG_set0(pair.get(), r, s) == 1);  // It owns both now.
  der.resize(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)));
  unsigned char* end = der.data();
  i2d_ECDSA_SIG(pair.get(), &end);
  return der;
}

class OpensslKey final : public PublicKey {
 public:
  OpensslKey(Key key, SignatureAlgorithm algorithm) : key_(std::move(key)), algorithm_(algorithm) {}

  SignatureAlgorithm algorithm() const override { return algorithm_; }

  bool verifies(std::string_view text, std::string_view signature) const override {
    if (algorithm_ == SignatureAlgorithm::kRs256)
      return verifies_encoded(text, bytes_of(signature), signature.size());
    const auto der = der_of(signature);
    return !der.empty() && verifies_encoded(text, der.data(), der.size());
  }

 private:
  bool verifies_encoded(std::string_view text, const unsigned char* signature,
                        std::size_t size) const {
    const Digest digest(EVP_MD_CTX_new());
    CHECK(digest);
    const bool is_right =
        EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
        EVP_DigestVerify(digest.get(), signature, size, bytes_of(text), text.size()) == 1;
    ERR_clear_error();  // A wrong signature is none of this thread's errors.
    return is_right;
  }

  Key key_;
  SignatureAlgorithm algorithm_;
};

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

}  // namespace

Result<std::shared_ptr<const PublicKey>> parse_public_key(std::string_view pem) {
  const std::unique_ptr<BIO, Releaser<BIO_free_all>> source(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(source);
  Key key(PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!key) return Error{ErrorCode::kInvalidData, "it has no public key in PEM (BEGIN PUBLIC KEY)"};
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    if (EVP_PKEY_get_bits(key.get()) < kLeastRsaBits)
      return Error{ErrorCode::kUnsupported, "an RSA key needs 2048 bits or more"};
    return std::make_shared<const OpensslKey>(std::move(key), SignatureAlgorithm::kRs256);
  }
  if (EVP_PKEY_is_a(key.get(), "EC") == 1 && is_p256(key.get()))
    return std::make_shared<const OpensslKey>(std::move(key), SignatureAlgorithm::kEs256);
  return Error{ErrorCode::kUnsupported, "a public key is of RSA, or of EC with the curve P-256"};
}

}  // namespace millrace::net
