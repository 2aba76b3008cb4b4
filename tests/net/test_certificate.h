#pragma once
// A certificate of the test's own, and the server's side of TLS with it.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "net/tls_context.h"

namespace millrace::test {

class TestCertificate {
 public:
  TestCertificate()
      : folder_(std::filesystem::temp_directory_path() /
                ("test_certificate_" + std::to_string(::getpid()))) {
    std::signal(SIGPIPE, SIG_IGN);  // As the programs do.
    std::filesystem::create_directories(folder_);
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
        "-subj /CN=localhost -keyout " +
        (folder_ / "key.pem").string() + " -out " + (folder_ / "cert.pem").string() +
        " 2>/dev/null";
    if (std::system(command.c_str()) != 0) std::abort();
    auto created = net::create_tls_context({.certificate_file = folder_ / "cert.pem",
                                            .key_file = folder_ / "key.pem",
                                            .check_interval = std::chrono::milliseconds(0)},
                                           metrics);
    if (!created.has_value()) std::abort();
    tls = std::move(created).value();
  }
  ~TestCertificate() { std::filesystem::remove_all(folder_); }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  double failures(const std::string& reason) {
    return metrics.counter("millrace_tls_handshake_failures_total", "", {{"reason", reason}})
        .value();
  }

  Metrics metrics;
  std::unique_ptr<net::TlsContext> tls;

 private:
  std::filesystem::path folder_;
};

}  // namespace millrace::test
