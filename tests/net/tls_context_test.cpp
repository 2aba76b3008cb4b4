#include "net/tls_context.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::net;

namespace {

/// A folder with two pairs of certificate and key, "a" and "b", gone with this.
struct Fixture {
  Fixture()
      : folder(std::filesystem::temp_directory_path() /
               ("tls_context_" + std::to_string(::getpid()))) {
    log::set_level(log::Level::kOff);
    std::filesystem::create_directories(folder);
    for (const char* const name : {"a", "b"}) {
      const std::string base = (folder / name).string();
      const std::string command =
          "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
          "-subj /CN=localhost -keyout " +
          base + ".key -out " + base + ".pem 2>/dev/null";
      REQUIRE(std::system(command.c_str()) == 0);
    }
    use("a", "a");
  }
  ~Fixture() {
    std::filesystem::remove_all(folder);
    log::set_level(log::Level::kInfo);
  }

  /// As certbot does it: another file under the same name.
  void use(const std::string& certificate, const std::string& key) {
    replace(certificate + ".pem", "cert.pem");
    replace(key + ".key", "key.pem");
  }
  void replace(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(folder / from, folder / "new",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(folder / "new", folder / to);
  }
  Result<std::unique_ptr<TlsContext>> create() {
    return create_tls_context({.certificate_file = folder / "cert.pem",
                               .key_file = folder / "key.pem",
                               .check_interval = 0ms},
                              metrics);
  }
  double reloads(const std::string& result) {
    return metrics.counter("millrace_tls_reloads_total", "", {{"result", result}}).value();
  }

  std::filesystem::path folder;
  Metrics metrics;
};

}  // namespace

TEST_CASE("a certificate is loaded, and its end is told", "[tls]") {
  Fixture f;
  const auto context = f.create();
  REQUIRE(context.has_value());
  CHECK(context.value()->current() != nullptr);
  const double end =
      f.metrics.gauge("millrace_tls_certificate_expiry_timestamp_seconds", "").value();
  const auto now = static_cast<double>(std::time(nullptr));
  CHECK(end > now + 29 * 86'400);
  CHECK(end < now + 31 * 86'400);
}

TEST_CASE("a changed certificate is for new connections, the old one stays theirs who have it",
          "[tls]") {
  Fixture f;
  const auto context = f.create();
  REQUIRE(context.has_value());
  const auto old = context.value()->current();
  context.value()->reload_if_changed();
  CHECK(context.value()->current() == old);
  f.use("b", "b");
  context.value()->reload_if_changed();
  CHECK(context.value()->current() != old);
  CHECK(f.reloads("ok") == 1);
  CHECK(SSL_CTX_get0_certificate(old.get()) != nullptr);
}

TEST_CASE("a pair that cannot be used leaves the one before, and is told once", "[tls]") {
  Fixture f;
  const auto context = f.create();
  REQUIRE(context.has_value());
  const auto old = context.value()->current();
  SECTION("the key is not there yet") {
    f.use("b", "a");
  }
  SECTION("half written") {
    std::ofstream(f.folder / "cert.pem") << "-----BEGIN CERT";
  }
  SECTION("with a passphrase, which nobody is there to type") {
    const std::string command = "openssl pkey -aes128 -passout pass:word -in " +
                                (f.folder / "b.key").string() + " -out " +
                                (f.folder / "new").string();
    REQUIRE(std::system(command.c_str()) == 0);
    std::filesystem::rename(f.folder / "new", f.folder / "key.pem");
  }
  SECTION("expired") {
    const std::string base = (f.folder / "a").string();
    const std::string command = "openssl x509 -req -in " + base + ".csr -signkey " + base +
                                ".key -days -1 -out " + base + ".pem 2>/dev/null";
    REQUIRE(std::system(("openssl req -new -key " + base + ".key -subj /CN=localhost -out " + base +
                         ".csr 2>/dev/null")
                            .c_str()) == 0);
    REQUIRE(std::system(command.c_str()) == 0);
    f.use("a", "a");
  }
  SECTION("gone") {
    std::filesystem::remove(f.folder / "key.pem");
  }
  context.value()->reload_if_changed();
  context.value()->reload_if_changed();
  CHECK(context.value()->current() == old);
  CHECK(f.reloads("failed") == 1);
  f.use("b", "b");
  context.value()->reload_if_changed();
  CHECK(f.reloads("ok") == 1);
}

TEST_CASE("a certificate that cannot be used at the start is an error that names the file",
          "[tls]") {
  Fixture f;
  SECTION("no certificate") {
    std::ofstream(f.folder / "cert.pem") << "nothing";
    const auto context = f.create();
    REQUIRE_FALSE(context.has_value());
    CHECK(context.error().message.find("tls.certificate: ") == 0);
  }
  SECTION("another one's key") {
    f.use("a", "b");
    const auto context = f.create();
    REQUIRE_FALSE(context.has_value());
    CHECK(context.error().message.find("tls.key: ") == 0);
  }
}
