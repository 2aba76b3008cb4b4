#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <thread>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "net/tls_stream.h"

namespace millrace::net {
namespace {

/// What tells one version of a file from another: a renamed-over file has another inode.
using FileVersion = std::tuple<dev_t, ino_t, mode_t, off_t, time_t, long>;

FileVersion version_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev,  found.st_ino,         found.st_mode,
          found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

/// OpenSSL's reason for its last failure on this thread.
std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "cannot be read";
}

/// OpenSSL would ask on the terminal, and wait there.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writes*/, void* /*data*/) {
  return -1;
}

// TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

Error unusable(const TlsOptions& options, const char* key, const std::string& file) {
  return Error{ErrorCode::kInvalidData,
               fmt::format("{}{}: {}: {}", options.key_prefix, key, file, openssl_reason())};
}

// RFC 7301 3.2: "In the event that the server supports no protocols that the client advertises,
// then the server SHALL respond with a fatal "no_application_protocol" alert."
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* named, unsigned int named_size, void* /*data*/) {
  const auto offered = TlsStream::offered_on(ssl);
  if (offered.empty()) return SSL_TLSEXT_ERR_NOACK;
  unsigned char* match = nullptr;
  if (SSL_select_next_proto(
          &match, chosen_size, reinterpret_cast<const unsigned char*>(offered.data()),
          static_cast<unsigned int>(offered.size()), named, named_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

/// Mutual TLS: an end without a close_notify is a lost connection, and the last byte of either
/// direction is known, which takes TLS 1.3 (RFC 8446 6.1).
Status ask_for_certificate(SSL_CTX* context, const TlsOptions& options) {
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(context, 0);  // Nobody comes again soon.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) != 1)
    return unusable(options, "ca", options.ca_file);
  return ok();
}

Result<std::shared_ptr<SSL_CTX>> load(const TlsOptions& options) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(
      SSL_CTX_new(options.is_client ? TLS_client_method() : TLS_server_method()), SSL_CTX_free);
  if (!context) return Error{ErrorCode::kSystem, "tls: no memory for a context"};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A publisher may leave without a close_notify: it ends then as a plain connection does.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  // Tickets need no memory of ours.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // One system call for as much as the buffer holds, instead of two for each record.
  SSL_CTX_set_read_ahead(context.get(), 1);
  if (SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1)
    return Error{ErrorCode::kSystem, "tls: " + openssl_reason()};
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) != 1)
    return unusable(options, "certificate", options.certificate_file);
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return unusable(options, "key", options.key_file);
  if (!options.is_client) SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (!options.ca_file.empty()) RETURN_IF_ERROR(ask_for_certificate(context.get(), options));
  return context;
}

/// Whether encoders would take it now.
bool is_valid_now(SSL_CTX* context) {
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
         X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

/// Seconds since the epoch at which the certificate ends.
double expiry_of(SSL_CTX* context) {
  std::tm end{};
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return 0;
  return static_cast<double>(::timegm(&end));
}

class FileTlsContext final : public TlsContext {
 public:
  FileTlsContext(TlsOptions options, Metrics& metrics)
      : options_(std::move(options)),
        metrics_(metrics),
        expiry_(metrics.gauge("millrace_tls_certificate_expiry_timestamp_seconds",
                              "When the certificate in use ends, in seconds since the epoch.",
                              options_.labels)) {}

  Status start() {
    tried_ = versions();
    ASSIGN_OR_RETURN(auto context, load(options_));
    use(std::move(context));
    if (options_.check_interval.count() > 0)
      watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
    return ok();
  }

  std::shared_ptr<SSL_CTX> current() const override {
    const MutexLock lock(mutex_);
    return context_;
  }

  void reload_if_changed() override {
    const auto found = versions();
    if (found == tried_) return;
    tried_ = found;
    auto loaded = load(options_);
    if (loaded.has_value() && !is_valid_now(loaded.value().get()) && is_valid_now(current().get()))
      loaded = Error{ErrorCode::kInvalidData,
                     fmt::format("{}certificate: {}: has expired, or is not valid yet",
                                 options_.key_prefix, options_.certificate_file)};
    if (!loaded.has_value()) {
      count_reload("failed");
      log::error("tls", "the new certificate is not used, the old one stays error={}",
                 loaded.error().message);
      return;
    }
    use(std::move(loaded).value());
    count_reload("ok");
    log::info("tls", "certificate loaded again file={}", options_.certificate_file);
  }

  void count_handshake_failure(const std::string& reason) override {
    metrics_
        .counter("millrace_tls_handshake_failures_total",
                 "TLS handshakes that came to nothing, by reason.", labelled("reason", reason))
        .increment();
  }

 private:
  using Versions = std::tuple<FileVersion, FileVersion, FileVersion>;

  Versions versions() const {
    return {version_of(options_.certificate_file), version_of(options_.key_file),
            version_of(options_.ca_file)};
  }

  Labels labelled(const std::string& name, const std::string& value) const {
    Labels labels = options_.labels;
    labels.emplace(name, value);
    return labels;
  }

  void use(std::shared_ptr<SSL_CTX> context) {
    expiry_.set(expiry_of(context.get()));
    if (!is_valid_now(context.get()))
      log::warning("tls",
                   "the certificate has expired, or is not valid yet: peers will refuse it "
                   "file={}",
                   options_.certificate_file);
    const MutexLock lock(mutex_);
    context_.swap(context);
  }

  void count_reload(const std::string& result) {
    metrics_
        .counter("millrace_tls_reloads_total",
                 "Changed certificate files: loaded (ok) or not (failed).",
                 labelled("result", result))
        .increment();
  }

  void watch(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      never.wait_for(lock, stop, options_.check_interval, [] { return false; });
      if (!stop.stop_requested()) reload_if_changed();
    }
  }

  const TlsOptions options_;
  Metrics& metrics_;
  Gauge expiry_;
  Versions tried_;  // The watcher's, or who calls reload_if_changed().
  mutable Mutex mutex_;
  std::shared_ptr<SSL_CTX> context_ GUARDED_BY(mutex_);
  std::jthread watcher_;  // Last: joined before what it uses goes.
};

}  // namespace

Result<std::unique_ptr<TlsContext>> create_tls_context(TlsOptions options, Metrics& metrics) {
  auto context = std::make_unique<FileTlsContext>(std::move(options), metrics);
  RETURN_IF_ERROR(context->start());
  return context;
}

}  // namespace millrace::net
