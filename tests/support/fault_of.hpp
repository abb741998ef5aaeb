/// Which fault an action ends with.
#pragma once

#include <catch2/catch.hpp>

#include "varve/error.hpp"

namespace varve {

template <class Act>
Fault fault_of(Act act) {
    try {
        act();
    } catch (const Error& error) {
        UNSCOPED_INFO(error.what());
        return error.fault();
    }
    FAIL("nothing was thrown");
    return Fault::defect;
}

}  // namespace varve
