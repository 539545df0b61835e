"""Commands that show what an exchange does and has done; none of them changes anything."""
