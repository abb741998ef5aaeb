/// The type of everything that is awaited. Contracts include this header only;
/// files that spawn, join or hop to a pool include varve/async.hpp.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace varve {

/// A lazily started coroutine on the io thread. Take values by value and services by reference;
/// every await is a place where the task may be cancelled.
template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace varve
