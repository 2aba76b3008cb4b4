#pragma once
// The operator's word on when a rung is encoded, over the configuration's:
//
//   GET, PUT ?encode=on-demand|always|off, DELETE   /api/v1/channels/CHANNEL/rungs/RUNG
//
// PUT and DELETE need api.token as a bearer token. A word holds until it is taken back or the
// server ends.
//
// Thread: the connection's loop; the channel is asked on its own.
#include <memory>

#include "app/routes.h"

namespace millrace::app {

/// Whether it is one of these, which then is answered, perhaps later.
bool control_rung(const RouteContext& context, const std::shared_ptr<net::HttpExchange>& exchange);

}  // namespace millrace::app
