#pragma once
// What must hold between keys of a configuration, each of which is right by itself. One thread.
#include "app/config.h"
#include "app/mistakes.h"

namespace millrace::app {

/// `mistakes` knows where the keys were written.
void check_config(const Config& config, Mistakes& mistakes);

}  // namespace millrace::app
