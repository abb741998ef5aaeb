/// What every store promises, as tests. A new store calls this from one TEST_CASE of its own.
#pragma once

#include <boost/asio/io_context.hpp>

#include "varve/store.hpp"

namespace varve::test {

/// `store` is empty and belongs to this call. Uses Catch's sections: it runs once for each.
void keeps_the_store_contract(boost::asio::io_context& io, Store& store);

}  // namespace varve::test
