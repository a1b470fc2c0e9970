include "common.thrift"
struct Thing { 1: common.Thing inner }
