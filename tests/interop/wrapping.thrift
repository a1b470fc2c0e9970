// Ours: what has no service of its own (parquet's footers and page headers, Impala's profiles) as arguments and results.
include "idl/fastparquet/parquet.thrift"
include "idl/impyla/RuntimeProfile.thrift"

exception Corrupt { 1: required parquet.PageType found, 2: optional parquet.Statistics statistics }

service Wrapping {
    parquet.FileMetaData footer(1: parquet.FileMetaData meta) throws (1: Corrupt corrupt)
    list<parquet.PageHeader> pages(1: list<parquet.PageHeader> headers, 2: map<string, parquet.ColumnIndex> indexes)
    parquet.LogicalType type_of(1: parquet.SchemaElement element, 2: set<parquet.Encoding> encodings)
    parquet.FileCryptoMetaData crypto(1: parquet.FileCryptoMetaData meta, 2: parquet.BloomFilterHeader filter)
    RuntimeProfile.TRuntimeProfileTree profile(1: RuntimeProfile.TRuntimeProfileTree tree)
    oneway void note(1: parquet.OffsetIndex index)
}
