# Varnish as a cache in front of millrace: /etc/varnish/default.vcl. See docs/cdn.md.
vcl 4.1;

backend origin {
  .host = "127.0.0.1";
  .port = "8080";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;  # Longer than the origin holds a request: three target durations.
  .between_bytes_timeout = 10s;
}

sub vcl_recv {
  if (req.url !~ "^/live/") {
    return (synth(404));
  }
  if (req.method != "GET" && req.method != "HEAD") {
    return (pass);
  }
  unset req.http.Cookie;
  unset req.http.Authorization;
  return (hash);
}

# The path and what a playlist's answer depends on, nothing else.
sub vcl_hash {
  hash_data(regsub(req.url, "\?.*$", ""));
  if (req.url ~ "[?&]_HLS_msn=") {
    hash_data("msn " + regsub(req.url, "^.*[?&]_HLS_msn=([^&]*).*$", "\1"));
  }
  if (req.url ~ "[?&]_HLS_part=") {
    hash_data("part " + regsub(req.url, "^.*[?&]_HLS_part=([^&]*).*$", "\1"));
  }
  if (req.url ~ "[?&]dvr(=|&|$)") {
    hash_data("dvr");
  }
  if (req.url ~ "[?&]_HLS_skip=") {
    hash_data("skip " + regsub(req.url, "^.*[?&]_HLS_skip=([^&]*).*$", "\1"));
  }
  return (lookup);
}

sub vcl_backend_response {
  # Nothing past its lifetime: by default it would be given out for ten seconds more.
  set beresp.grace = 0s;
  unset beresp.http.Set-Cookie;
  if (beresp.status >= 500) {
    # Not kept. Without this, such a URL would not be collapsed for two minutes.
    set beresp.uncacheable = true;
    set beresp.ttl = 1s;
    return (deliver);
  }
  if (beresp.status >= 400 && beresp.ttl > 1s) {
    set beresp.ttl = 1s;
  }
}

sub vcl_deliver {
  if (obj.hits > 0) {
    set resp.http.X-Cache = "HIT";
  } else {
    set resp.http.X-Cache = "MISS";
  }
}
