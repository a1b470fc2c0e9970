include "nested/common.thrift"
include "shared.thrift"

struct Holder {
    1: common.Thing thing
    2: shared.Thing other
    3: common.Kind kind = common.Kind.BIG
}

service Holding extends common.Things {
    Holder hold(1: shared.Thing thing)
}
