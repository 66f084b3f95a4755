"""The people who sign in: their accounts, passwords, second factors and sessions."""
