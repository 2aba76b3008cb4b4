#pragma once
// A certificate of ours: loaded at the start, loaded again when its files change. Any thread, but
// for what says otherwise.
// One thread of its own looks at the files, so that no loop waits for a disk.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"

using SSL_CTX = struct ssl_ctx_st;

namespace millrace::net {

struct TlsOptions {
  std::string certificate_file;  ///< PEM: the certificate, then its issuers'.
  std::string key_file;          ///< PEM, without a passphrase.
  /// PEM: whose certificates are taken, and one is asked for: mutual TLS, version 1.3 only, where
  /// an end without a close_notify is a lost connection. Empty: peers need none.
  std::string ca_file = {};
  bool is_client = false;
  std::string key_prefix = "tls.";  ///< Of the files' configuration keys, for error messages.
  Labels labels = {};               ///< Of the metrics.
  /// How often the files are looked at; zero: only by reload_if_changed().
  std::chrono::milliseconds check_interval{2'000};
};

class TlsContext {
 public:
  virtual ~TlsContext() = default;
  /// What a new connection takes and keeps for its life, whatever is loaded later. Never null.
  virtual std::shared_ptr<SSL_CTX> current() const = 0;
  /// Loads the files if they are others than those tried last. A pair that cannot be loaded,
  /// whose key is of another certificate, or that has expired leaves the old one: one error line,
  /// and a count. Waits for the disk: not on a loop. One thread at a time, and none while the
  /// watcher runs.
  virtual void reload_if_changed() = 0;
  /// millrace_tls_handshake_failures_total{reason}; `reason` is one of a few words.
  virtual void count_handshake_failure(const std::string& reason) = 0;
};

/// TLS 1.2 (but see ca_file) and 1.3, no renegotiation. An error names the file. Metrics, which
/// outlive it: millrace_tls_certificate_expiry_timestamp_seconds,
/// millrace_tls_reloads_total{result}, millrace_tls_handshake_failures_total{reason}.
Result<std::unique_ptr<TlsContext>> create_tls_context(TlsOptions options, Metrics& metrics);

}  // namespace millrace::net
