@0xb1d0e2a9c4f37685;

interface Echo {
  say @0 (message :Text) -> (message :Text);
  blob @1 (payload :Data) -> (payload :Data);
  add @2 (left :Int64, right :Int64) -> (sum :Int64);
  park @3 () -> ();
}
