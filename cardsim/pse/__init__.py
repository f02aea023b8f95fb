"""PSE (金融支付系统环境), the payment environment: PBOC debit with electronic cash, its own files and security."""
