"""How the errors of a field are known: what was measured against what is true."""
